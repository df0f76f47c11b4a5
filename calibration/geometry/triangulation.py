"""Points in space from several views: weighted DLT, views that do not fit left out, LM."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.arrays import Doubles, Indices, Mask
from calibration.geometry.camera import Rig
from calibration.geometry.dense_least_squares import minimise
from calibration.geometry.levenberg_marquardt import MIN_FALL, Stop
from calibration.geometry.linear_triangulation import GATE_SIGMAS, Expected, Lines
from calibration.geometry.small_matrices import (
    DIAGONAL,
    inverse,
    solved,
    summed_equations,
    unpacked,
)

# Deviations beyond which a view pulls with constant strength: 13 % of Gaussian residuals.
HUBER_SIGMAS = 2.0
MAX_STEPS = 12  # bounds the time of a point on which views disagree
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
    weight = np.where(np.isfinite(undistorted[..., 0]), weight, 0.0)
    scale = np.broadcast_to(1 / np.asarray(sigma, float), (views, count))
    start, used = Lines(rig, undistorted, weight, scale, expected).select()
    good = np.flatnonzero(used.sum(0) >= 2)
    points = _Points(
        rig, undistorted[:, good], np.where(used, np.sqrt(weight) * scale, 0.0)[:, good]
    )
    fit = points.refined(start[:, good], deadline, clock)
    xyz, error = np.full((count, 3), np.nan), np.full(count, np.nan)
    covariance = np.full((count, 3, 3), np.nan)
    before, after, misfit = np.full((3, count), np.nan)
    ok = np.flatnonzero(fit.stop != Stop.INVALID)
    kept = good[ok]
    lost = np.ones(count, bool)
    lost[kept] = False
    used[:, lost] = False
    if len(kept):
        xyz[kept], before[kept], after[kept] = fit.x[:, ok].T, fit.start[ok], fit.cost[ok]
        rows, on = fit.rows[..., ok], used[:, kept]
        seen_by = on.sum(0)
        off = (rows[3] * rows[3]).sum(0)
        factor = np.where(on, points.whitening[:, ok], 1.0)
        error[kept] = np.sqrt((off / factor**2).sum(0) / seen_by)
        information = summed_equations(rows)[:6]
        information[DIAGONAL] += 1e-12
        # Birge's ratio: where views miss each other by more than chance explains (three standard
        # deviations of chi-squared above its mean), all of them are less certain.
        freedom = 2 * seen_by - 3
        total = off.sum(0)
        # Of those beyond the gate none is left: of views that count little this takes much away.
        half = np.maximum(0.5 * GATE_SIGMAS**2 * weight[:, kept], 1e-9)
        within = np.where(on, 1 - half / np.expm1(half), 0).sum(0) / seen_by
        misfit[kept] = total / (freedom * within)
        chance = freedom + 3 * np.sqrt(2 * freedom)
        ratio = np.where(total > chance, total / freedom, 1.0)
        covariance[kept] = unpacked(ratio * inverse(information))
    in_time = bool((fit.stop != Stop.TIME).all())
    return Triangulation(xyz, error, used, covariance, misfit, before, after, in_time)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """N points x (3, N), costs at the start and after, Stop, and rows (4, 2, V, N): the derivatives
    of the residuals, and the residuals.
    """

    x: Doubles
    start: Doubles
    cost: Doubles
    stop: NDArray[np.int64]
    rows: Doubles


class _Points:
    """What N points miss their undistorted sightings (V, N, 2) by, in standard deviations.

    Components come first, as in small_matrices.py. whitening: (V, N) 1 / pixels of a standard
    deviation, 0 where a view is not used. Lenses are taken as straight between a sighting and the
    point, so that none is computed again at each step.
    """

    def __init__(self, rig: Rig, undistorted: Doubles, whitening: Doubles) -> None:
        self._rig = rig
        self._target = undistorted.transpose(2, 0, 1)
        self.whitening = whitening
        self._used = whitening > 0
        lens = rig.pixels_by_ideal(undistorted)
        self._to_sigmas = np.where(self._used, lens * whitening, 0.0)
        self._bent = bool(self._to_sigmas[0, 1].any())

    def rows(self, x: Doubles, which: Indices) -> Doubles:
        """(4, 2, V, M) derivatives and residuals of points x (3, M), places `which` of all."""
        used, target, lens = self._used, self._target, self._to_sigmas
        if len(which) < used.shape[1]:
            used, target, lens = used[:, which], target[..., which], lens[..., which]
        rows = np.empty((4, 2, *used.shape))
        ideal, rows[:3] = self._rig.linearised(x)
        np.subtract(ideal, target, out=rows[3])
        if not used.all():
            rows = np.where(used, rows, 0.0)
        if not self._bent:
            rows *= lens[[0, 1], [0, 1]]
            return rows
        out = lens[:, 0] * rows[:, :1]
        out += lens[:, 1] * rows[:, 1:]
        return np.asarray(out, np.float64)

    def refined(self, x: Doubles, deadline: float, clock: Callable[[], float]) -> _Fit:
        """Points after steps of Gauss and Newton, of which most need one, as linear solutions are
        near; those that a step did no good by Levenberg and Marquardt.
        """
        x, live = x.copy(), np.arange(x.shape[1])
        rows = self.rows(x, live)
        cost, weight = _robust(rows[3])
        start = cost.copy()
        stop = np.where(np.isfinite(cost), Stop.CONVERGED, Stop.INVALID).astype(np.int64)
        if clock() > deadline:
            return _Fit(x, start, cost, np.where(stop, stop, Stop.TIME), rows)
        failed = np.zeros(len(live), bool)
        then = rows
        for turn in range(MAX_STEPS):
            equations = summed_equations(then, then * weight)
            step = solved(equations[:6], equations[6:])
            if turn:
                fall = 0.5 * (equations[6:] * step).sum(0)
                more = ~(fall <= TOLERANCE * cost[live] + MIN_FALL)
                live, step = live[more], step[:, more]
                if not len(live):
                    break
            trial = x[:, live] - step
            then = self.rows(trial, live)
            now, weight = _robust(then[3])
            with np.errstate(invalid="ignore"):
                better = now <= cost[live]
            if not better.all():
                failed[live[~better]] = True
                live, trial, now = live[better], trial[:, better], now[better]
                then, weight = then[..., better], weight[:, better]
            x[:, live], cost[live], rows[..., live] = trial, now, then
        rest = np.flatnonzero(failed & (stop != Stop.INVALID))
        if len(rest):
            done = minimise(
                lambda x, which: self._dense(x, rest[which]),
                x[:, rest].T,
                huber=HUBER_SIGMAS,
                max_evaluations=MAX_STEPS,
                tolerance=TOLERANCE,
                deadline=deadline,
                clock=clock,
            )
            x[:, rest], cost[rest], stop[rest] = done.x.T, done.cost, done.stop
            rows[..., rest] = self.rows(x[:, rest], rest)
        return _Fit(x, start, cost, stop, rows)

    def _dense(self, x: Doubles, which: Indices) -> tuple[Doubles, Doubles]:
        """(M, V, 2) residuals and (M, V, 2, 3) derivatives of points (M, 3), as `minimise` has
        them.
        """
        rows = self.rows(x.T, which)
        return rows[3].transpose(2, 1, 0), rows[:3].transpose(3, 2, 1, 0)


def _robust(r: Doubles) -> tuple[Doubles, Doubles]:
    """(N,) costs of residuals (2, V, N), half the sums of Huber's loss, and (V, N) the weights by
    which least squares have the same minimum.
    """
    square = r[0] * r[0] + r[1] * r[1]
    far = square > HUBER_SIGMAS**2
    length = np.sqrt(np.where(far, square, HUBER_SIGMAS**2))
    loss = np.where(far, 2 * HUBER_SIGMAS * length - HUBER_SIGMAS**2, square)
    return 0.5 * loss.sum(0), HUBER_SIGMAS / length
