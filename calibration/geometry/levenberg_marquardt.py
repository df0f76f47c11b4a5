"""Levenberg-Marquardt for many small problems at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.arrays import Doubles, Indices

# (M, P) parameters and the (M,) places of their problems -> (M, R, D) residuals and their
# (M, R, D, P) derivative.
Residuals = Callable[[Doubles, Indices], tuple[Doubles, Doubles]]

FIRST = 1e-4  # damping to begin with, relative to the curvature
LARGEST = 1e12  # damping at which no step helps any more


class Stop(IntEnum):
    """Why a problem was left alone."""

    CONVERGED = 0
    STEPS = 1
    TIME = 2
    INVALID = 3  # its residuals are not finite at the start


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """N problems: x (N, P); cost and start (N,) after and before; steps (N,); stop (N,) of Stop."""

    x: Doubles
    cost: Doubles
    start: Doubles
    steps: NDArray[np.int64]
    stop: NDArray[np.int64]


def minimise(
    residuals: Residuals,
    start: Doubles,
    *,
    huber: float = np.inf,
    most: int = 50,
    tolerance: float = 1e-9,
    deadline: float = np.inf,
    clock: Callable[[], float] = time.monotonic,
) -> Solution:
    """Minimise half the sum of rho(|r|^2) over the R residual vectors, each problem by itself.

    Damping as Nielsen's (Madsen, Nielsen, Tingleff 2004, section 3.2); Huber's loss, beyond
    |r| = huber, by weights. A step that raises the cost, or leaves where residuals are finite, is
    never taken. most: evaluations. tolerance: relative fall of the cost at which a step is not
    worth it.
    deadline: seconds on the clock after which the best until then is good enough.
    """
    x = start.copy()
    count, size = x.shape
    steps, stop = np.zeros(count, np.int64), np.full(count, Stop.STEPS, np.int64)
    live = np.arange(count)
    r, jacobian = residuals(x, live)
    cost = _cost(r, huber)
    first = cost.copy()
    valid = np.isfinite(cost) & np.isfinite(jacobian).all((1, 2, 3))
    stop[~valid] = Stop.INVALID
    live = live[valid]
    gradient, curvature = _normal(r[valid], jacobian[valid], huber)
    damping, growth = np.full(len(live), FIRST), np.full(len(live), 2.0)
    for _ in range(most):
        if not len(live):
            break
        if clock() > deadline:
            stop[live] = Stop.TIME
            break
        diagonal = np.maximum(np.einsum("npp->np", curvature), 1e-300)
        matrix = curvature + (damping[:, None] * diagonal)[..., None] * np.eye(size)
        step = -np.linalg.solve(matrix, gradient[..., None])[..., 0]
        expected = 0.5 * (step * (damping[:, None] * diagonal * step - gradient)).sum(-1)
        flat = expected <= np.maximum(tolerance * cost[live], 1e-300)
        if flat.any():
            stop[live[flat]] = Stop.CONVERGED
            on = ~flat
            live, damping, growth, step = live[on], damping[on], growth[on], step[on]
            gradient, curvature = gradient[on], curvature[on]
            diagonal, expected = diagonal[on], expected[on]
            if not len(live):
                break
        trial = x[live] + step
        r, jacobian = residuals(trial, live)
        now, before = _cost(r, huber), cost[live]
        with np.errstate(invalid="ignore"):
            better = now <= before
        gain = np.where(better, before - now, 0) / np.maximum(expected, 1e-300)
        took = live[better]
        x[took], cost[took] = trial[better], now[better]
        steps[took] += 1
        gradient[better], curvature[better] = _normal(r[better], jacobian[better], huber)
        shrink = np.maximum(1 / 3, 1 - (2 * np.minimum(gain, 1) - 1) ** 3)
        damping = np.where(better, np.maximum(damping * shrink, 1e-15), damping * growth)
        growth = np.where(better, 2.0, growth * 2)
        done = damping > LARGEST
        stop[live[done]] = Stop.CONVERGED
        live, damping, growth = live[~done], damping[~done], growth[~done]
        gradient, curvature = gradient[~done], curvature[~done]
    return Solution(x, cost, first, steps, stop)


def _cost(r: Doubles, huber: float) -> Doubles:
    square = (r * r).sum(-1)
    if huber < np.inf:
        square = np.where(square > huber**2, 2 * huber * np.sqrt(square) - huber**2, square)
    cost: Doubles = 0.5 * square.sum(-1)
    return cost


def _normal(r: Doubles, jacobian: Doubles, huber: float) -> tuple[Doubles, Doubles]:
    """Gradient (M, P) and Gauss-Newton's curvature (M, P, P)."""
    (count, blocks, width), size = r.shape, jacobian.shape[-1]
    weighted = jacobian
    if huber < np.inf:
        length = np.sqrt((r * r).sum(-1))
        weight = np.where(length > huber, huber / np.maximum(length, huber), 1.0)
        weighted = jacobian * weight[..., None, None]
    across = weighted.reshape(count, blocks * width, size).transpose(0, 2, 1)
    flat = jacobian.reshape(count, blocks * width, size)
    return (across @ r.reshape(count, blocks * width, 1))[..., 0], across @ flat
