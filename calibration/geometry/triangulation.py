"""Points in space from several views: weighted DLT, views that do not fit left out, LM."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.arrays import Doubles, Indices, Mask
from calibration.geometry.camera import Rig
from calibration.geometry.dense_least_squares import (
    Residuals,
    minimise,
    normal_equations,
    robust_cost,
)
from calibration.geometry.levenberg_marquardt import MIN_FALL, Stop
from calibration.geometry.linear_triangulation import GATE_SIGMAS, Expected, Lines
from calibration.geometry.small_matrices import symmetric_inverse, symmetric_solved

# Deviations beyond which a view pulls with constant strength: 13 % of Gaussian residuals.
HUBER_SIGMAS = 2.0
TOLERANCE = 1e-3  # share of its cost by which another step must be expected to lower a point's


@dataclass(frozen=True, slots=True, eq=False)
class Triangulation:
    """N points; NaN where fewer than two views agree.

    xyz: (N, 3) metres. error: (N,) root mean square over the used views, pixels.
    used: (V, N) views that the point rests on. covariance: (N, 3, 3) square metres,
    greater where views miss each other by more than their sigma (Birge 1932).
    misfit: (N,) squared residuals of the used views against what they are on average where sigmas
    are right.
    before: (N,) half the weighted squares of the errors before refinement, after: since.
    refined: whether there was time for all of the refinement.
    """

    xyz: Doubles
    error: Doubles
    used: Mask
    covariance: Doubles
    misfit: Doubles
    before: Doubles
    after: Doubles
    refined: bool

    @property
    def views(self) -> NDArray[np.int64]:
        """(N,) how many views each point rests on."""
        return np.asarray(self.used.sum(0), np.int64)


def triangulate(
    rig: Rig,
    xy: Doubles,
    weight: Doubles | None = None,
    *,
    sigma: Doubles | float = 1.0,
    undistorted: Doubles | None = None,
    expected: Expected | None = None,
    deadline: float = np.inf,
    clock: Callable[[], float] = time.monotonic,
) -> Triangulation:
    """(V, N, 2) pixels, NaN = not seen, to N points.

    weight: (V, N) confidences, 0 = not seen. sigma: pixels, or (V, N), that a sighting of
    weight 1 is off by in each direction as a rule. undistorted: (V, N, 2) the sightings so,
    where that is done already. expected: where points are thought to be; helps to choose between
    views that contradict each other and is no part of the points. deadline: seconds on the clock.
    """
    views, count = xy.shape[:2]
    weight = np.ones((views, count)) if weight is None else weight
    undistorted = rig.normalise(xy) if undistorted is None else undistorted
    seen = np.isfinite(undistorted[..., 0]) & (weight > 0)
    scale = np.broadcast_to(1 / np.asarray(sigma, float), (views, count))
    lines = Lines(rig, undistorted, np.where(seen, weight, 0), scale, seen, expected)
    start, used = lines.select()
    good = np.flatnonzero(used.sum(0) >= 2)
    whitening = np.where(used, np.sqrt(np.where(seen, weight, 0)) * scale, 0.0)[:, good]
    target = np.where(used[..., None], xy, 0.0)[:, good]

    def residuals(x: Doubles, which: Indices) -> tuple[Doubles, Doubles]:
        pixels, slope = rig.linearise(x)
        factor = whitening[:, which, None]
        on = factor > 0
        r = np.where(on, (pixels - target[:, which]) * factor, 0.0)
        jacobian = np.where(on[..., None], slope * factor[..., None], 0.0)
        return r.swapaxes(0, 1), jacobian.swapaxes(0, 1)

    fit = _refined(residuals, start[good], deadline, clock)
    xyz, error = np.full((count, 3), np.nan), np.full(count, np.nan)
    covariance = np.full((count, 3, 3), np.nan)
    before, after, misfit = np.full((3, count), np.nan)
    ok = fit.stop != Stop.INVALID
    kept = good[ok]
    xyz[kept], before[kept], after[kept] = fit.x[ok], fit.start[ok], fit.cost[ok]
    lost = np.ones(count, bool)
    lost[kept] = False
    used[:, lost] = False
    if len(kept):
        r, jacobian = fit.residuals[ok], fit.jacobian[ok]
        factor = whitening[:, ok].T
        off = (r**2).sum(-1) / np.where(factor > 0, factor, 1) ** 2
        error[kept] = np.sqrt(off.sum(1) / used[:, kept].sum(0))
        across = jacobian.reshape(len(kept), -1, 3)
        information = across.swapaxes(1, 2) @ across
        covariance[kept] = symmetric_inverse(information + 1e-12 * np.eye(3))
        # Birge's ratio: where views miss each other by more than chance explains (three standard
        # deviations of chi-squared above its mean), all of them are less certain.
        freedom = 2 * used[:, kept].sum(0) - 3
        off = (r**2).sum((1, 2))
        # Of those beyond the gate none is left: of views that count little this takes much away.
        on = used[:, kept]
        half = np.maximum(0.5 * GATE_SIGMAS**2 * weight[:, kept], 1e-9)
        within = np.where(on, 1 - half / np.expm1(half), 0).sum(0) / on.sum(0)
        misfit[kept] = off / (freedom * within)
        chance = freedom + 3 * np.sqrt(2 * freedom)
        ratio = np.where(off > chance, off / freedom, 1.0)
        covariance[kept] *= ratio[:, None, None]
    in_time = bool((fit.stop != Stop.TIME).all())
    return Triangulation(xyz, error, used, covariance, misfit, before, after, in_time)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """N points x (N, 3), costs at the start and after, Stop, residuals and their derivative."""

    x: Doubles
    start: Doubles
    cost: Doubles
    stop: NDArray[np.int64]
    residuals: Doubles
    jacobian: Doubles


def _refined(residuals: Residuals, x: Doubles, deadline: float, clock: Callable[[], float]) -> _Fit:
    """Points after one step of Gauss and Newton, which is enough for most as linear solutions are
    near; those that are not there yet, or that it did no good, by Levenberg and Marquardt.
    """
    everything = np.arange(len(x))
    r, jacobian = residuals(x, everything)
    start = robust_cost(r, HUBER_SIGMAS)
    stop = np.where(np.isfinite(start), Stop.CONVERGED, Stop.INVALID).astype(np.int64)
    if clock() > deadline:
        return _Fit(x, start, start, np.where(stop, stop, Stop.TIME), r, jacobian)
    gradient, curvature = normal_equations(r, jacobian, HUBER_SIGMAS)
    trial = x - symmetric_solved(curvature, gradient)
    r_then, jacobian_then = residuals(trial, everything)
    cost = robust_cost(r_then, HUBER_SIGMAS)
    with np.errstate(invalid="ignore"):
        better = cost <= start
    x, cost = np.where(better[:, None], trial, x), np.where(better, cost, start)
    r = np.where(better[:, None, None], r_then, r)
    jacobian = np.where(better[:, None, None, None], jacobian_then, jacobian)
    gradient, curvature = normal_equations(r, jacobian, HUBER_SIGMAS)
    fall = 0.5 * (gradient * symmetric_solved(curvature, gradient)).sum(-1)
    more = np.flatnonzero(~(fall <= TOLERANCE * cost + MIN_FALL) & (stop != Stop.INVALID))
    if len(more):
        rest = minimise(
            lambda x, which: residuals(x, more[which]),
            x[more],
            huber=HUBER_SIGMAS,
            max_evaluations=12,
            tolerance=TOLERANCE,
            deadline=deadline,
            clock=clock,
        )
        x[more], cost[more], stop[more] = rest.x, rest.cost, rest.stop
        r[more], jacobian[more] = residuals(rest.x, more)
    return _Fit(x, start, cost, stop, r, jacobian)
