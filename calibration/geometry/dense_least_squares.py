"""Many small non-linear least-squares problems at once, such as the points of a frame."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.arrays import Doubles, Indices, Mask
from calibration.geometry.levenberg_marquardt import descend
from calibration.geometry.small_matrices import symmetric_solved

# (M, P) parameters and the (M,) places of their problems -> (M, R, D) residuals and their
# (M, R, D, P) derivative.
Residuals = Callable[[Doubles, Indices], tuple[Doubles, Doubles]]

MIN_CURVATURE = 1e-300  # of a parameter that nothing depends on, so that it can be damped


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
    max_evaluations: int = 50,
    tolerance: float = 1e-9,
    deadline: float = np.inf,
    clock: Callable[[], float] = time.monotonic,
) -> Solution:
    """Minimise half the sum of rho(|r|^2) over the R residual vectors, each problem by itself.

    Huber's loss, beyond |r| = huber, by weights. A step that leaves where residuals are finite is
    never taken. tolerance, deadline, clock: as `descend` has them.
    """
    problems = _Dense(residuals, start.copy(), huber)
    done = descend(
        problems,
        max_evaluations=max_evaluations,
        tolerance=tolerance,
        deadline=deadline,
        clock=clock,
    )
    return Solution(problems.x, done.cost, done.start, done.steps, done.stop)


class _Dense:
    """Problems of `descend` with P parameters each, small enough for one stacked solve."""

    def __init__(self, residuals: Residuals, x: Doubles, huber: float) -> None:
        self.x = x
        self._residuals = residuals
        self._huber = huber
        count, size = x.shape
        self._gradient, self._curvature = np.empty((count, size)), np.empty((count, size, size))
        self._trial = x.copy()
        self._last = np.empty(0), np.empty(0)  # residuals and derivative of the last evaluation

    def begin(self) -> Doubles:
        r, jacobian = self._residuals(self.x, np.arange(len(self.x)))
        cost = robust_cost(r, self._huber)
        cost[~np.isfinite(jacobian).all((1, 2, 3))] = np.nan
        valid = np.isfinite(cost)
        self._gradient[valid], self._curvature[valid] = normal_equations(
            r[valid], jacobian[valid], self._huber
        )
        return cost

    def propose(self, which: Indices, damping: Doubles) -> Doubles:
        gradient, curvature = self._gradient, self._curvature
        if len(which) < len(self.x):
            gradient, curvature = gradient[which], curvature[which]
        diagonal = np.maximum(np.einsum("npp->np", curvature), MIN_CURVATURE)
        damped = damping[:, None] * diagonal
        matrix = curvature + damped[..., None] * np.eye(len(diagonal.T))
        if matrix.shape[-1] == 3:
            step = -symmetric_solved(matrix, gradient)
        else:
            step = -np.linalg.solve(matrix, gradient[..., None])[..., 0]
        self._trial[which] = self.x[which] + step
        expected: Doubles = 0.5 * (step * (damped * step - gradient)).sum(-1)
        return expected

    def evaluate(self, which: Indices) -> Doubles:
        self._last = self._residuals(self._trial[which], which)
        return robust_cost(self._last[0], self._huber)

    def accept(self, which: Indices, better: Mask) -> None:
        r, jacobian = self._last
        took = which[better]
        self.x[took] = self._trial[took]
        self._gradient[took], self._curvature[took] = normal_equations(
            r[better], jacobian[better], self._huber
        )


def robust_cost(r: Doubles, huber: float) -> Doubles:
    """(M,) half the sum of rho(|r|^2) over residual vectors (M, R, D)."""
    square = (r * r).sum(-1)
    if huber < np.inf:
        square = np.where(square > huber**2, 2 * huber * np.sqrt(square) - huber**2, square)
    cost: Doubles = 0.5 * square.sum(-1)
    return cost


def normal_equations(r: Doubles, jacobian: Doubles, huber: float) -> tuple[Doubles, Doubles]:
    """Gradient (M, P) and Gauss-Newton's curvature (M, P, P)."""
    (count, blocks, width), size = r.shape, jacobian.shape[-1]
    weighted = jacobian
    if huber < np.inf:
        length = np.sqrt((r * r).sum(-1))
        weight = np.where(length > huber, huber / np.maximum(length, huber), 1.0)
        weighted = jacobian * weight[..., None, None]
    across = weighted.reshape(count, blocks * width, size).transpose(0, 2, 1)
    stacked = jacobian.reshape(count, blocks * width, size)
    return (across @ r.reshape(count, blocks * width, 1))[..., 0], across @ stacked
