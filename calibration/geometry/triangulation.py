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
from calibration.geometry.levenberg_marquardt import Stop
from calibration.geometry.linear_triangulation import GATE_SIGMAS, Expected, Lines
from calibration.geometry.small_matrices import (
    IDENTITY,
    inverse,
    solved,
    summed_equations,
    unpacked,
)

# Deviations beyond which a view pulls with constant strength: 13 % of Gaussian residuals.
HUBER_SIGMAS = 2.0
MAX_STEPS = 12  # bounds the time of a point on which views disagree
TOLERANCE = 1e-3  # share of its cost by which another step must be expected to lower a point's
# Share of its cost and 1, by which that differs from what a step had promised, from which on the
# next one may matter: of points on which views agree most of them keep their promises.
ANOTHER_STEP = 0.1


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
    expected: Expected | None = None,
    deadline: float = np.inf,
    clock: Callable[[], float] = time.monotonic,
) -> Triangulation:
    """(V, N, 2) pixels, NaN = not seen, to N points.

    weight: (V, N) confidences, 0 = not seen. sigma: pixels, or (V, N), that a sighting of
    weight 1 is off by in each direction as a rule. expected: where points are thought to be; helps
    to choose between views that contradict each other and is no part of the points. deadline:
    seconds on the clock.
    """
    views, count = xy.shape[:2]
    return triangulate_undistorted(
        rig,
        rig.normalise(xy).transpose(2, 0, 1),
        np.ones((views, count)) if weight is None else weight,
        np.broadcast_to(1 / np.asarray(sigma, float), (views, count)),
        expected=expected,
        deadline=deadline,
        clock=clock,
    )


def triangulate_undistorted(
    rig: Rig,
    undistorted: Doubles,
    weight: Doubles,
    scale: Doubles,
    *,
    expected: Expected | None = None,
    deadline: float = np.inf,
    clock: Callable[[], float] = time.monotonic,
) -> Triangulation:
    """The same of (2, V, N) undistorted sightings, components first. scale: (V, N), 1 / sigma."""
    count = weight.shape[1]
    weight = np.where(np.isfinite(undistorted[0]), weight, 0.0)
    which = np.flatnonzero(np.add.reduce(weight > 0, 0) >= 2)
    # What is found out of each point: its place, its covariance, then four numbers.
    found = np.full((13, count), np.nan)
    used, in_time = np.zeros(weight.shape, bool), True
    if len(which):
        undistorted, weight = undistorted.take(which, 2), weight.take(which, 1)
        scale = scale.take(which, 1)
        if expected is not None:
            expected = expected.at(which)
        start, on = Lines(rig, undistorted, weight, scale, expected).select()
        agreed = np.flatnonzero(on.any(0))
        if len(agreed) < len(which):
            which, start, on = which.take(agreed), start.take(agreed, 1), on.take(agreed, 1)
            undistorted, weight = undistorted.take(agreed, 2), weight.take(agreed, 1)
            scale = scale.take(agreed, 1)
    if len(which):
        points = _Points(rig, undistorted, np.where(on, np.sqrt(weight) * scale, 0.0))
        fit = points.refined(start, deadline, clock)
        in_time = fit.in_time
        numbers = _summed_up(fit, on, points.whitening, weight)
        valid = np.isfinite(fit.start)
        if not valid.all():
            numbers[:, ~valid], on[:, ~valid] = np.nan, False
        found[:, which], used[:, which] = numbers, on
    return Triangulation(
        *(found[:3].T, found[9], used, unpacked(found[3:9])),
        *(found[10], found[11], found[12], in_time),
    )


def _summed_up(fit: _Fit, on: Mask, whitening: Doubles, weight: Doubles) -> Doubles:
    """(13, N): points, their packed covariances, errors, misfits, costs before and after, as
    `Triangulation` has them.
    """
    rows = fit.rows
    squared = rows[3] * rows[3]
    off = squared[0] + squared[1]
    total, seen_by = np.add.reduce(off, 0), np.add.reduce(on, 0)
    pixels = np.add.reduce(off / np.where(on, whitening * whitening, 1.0), 0)
    information = summed_equations(rows)[:6] + 1e-12 * IDENTITY
    # Birge's ratio: where views miss each other by more than chance explains (three standard
    # deviations of chi-squared above its mean), all of them are less certain.
    freedom = 2 * seen_by - 3
    chance = freedom + 3 * np.sqrt(2 * freedom)
    ratio = np.where(total > chance, total / freedom, 1.0)
    # Of those beyond the gate none is left: of views that count little this takes much away.
    half = np.maximum(0.5 * GATE_SIGMAS**2 * weight, 1e-9)
    within = np.add.reduce(np.where(on, 1 - half / np.expm1(half), 0.0), 0) / seen_by
    numbers = np.sqrt(pixels / seen_by), total / (freedom * within), fit.start, fit.cost
    return np.concatenate([fit.x, ratio * inverse(information), numbers])


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """N points x (3, N), costs at the start, NaN = behind a camera, and after, whether there was
    time, and rows (4, 2, V, N): the derivatives of the residuals, and the residuals.
    """

    x: Doubles
    start: Doubles
    cost: Doubles
    in_time: bool
    rows: Doubles


class _Points:
    """What N points miss their undistorted sightings (2, V, N) by, in standard deviations.

    Components come first, as in small_matrices.py. whitening: (V, N) 1 / pixels of a standard
    deviation, 0 where a view is not used. Lenses are taken as straight between a sighting and the
    point, so that none is computed again at each step.
    """

    def __init__(self, rig: Rig, undistorted: Doubles, whitening: Doubles) -> None:
        self._rig = rig
        self._target = np.where(whitening > 0, undistorted, 0.0)
        self.whitening = whitening
        lens = rig.pixels_by_ideal(self._target)
        # Without lenses a pixel's x depends on x alone, and its y on y.
        self._bent = bool(lens[0, 1].any())
        self._to_sigmas = (lens if self._bent else lens[[0, 1], [0, 1]]) * whitening

    def rows(self, x: Doubles, which: Indices) -> Doubles:
        """(4, 2, V, M) derivatives and residuals of points x (3, M), places `which` of all."""
        used, target, lens = self.whitening, self._target, self._to_sigmas
        if len(which) < used.shape[1]:
            used, target, lens = used.take(which, 1), target.take(which, 2), lens.take(which, -1)
        inside = self._rig.inside(x)
        depth = inside[2]
        ahead = depth > 0
        if not ahead.all():
            depth = np.where(ahead, depth, np.where(used > 0, np.nan, 1.0))
        ideal = inside[:2] / depth
        turn = self._rig.turns
        rows = np.empty((4, *ideal.shape))
        # d(ideal) / d(inside) is [[1/z, 0, -x/z^2], [0, 1/z, -y/z^2]].
        np.subtract(turn[:, :2], ideal * turn[:, 2:], out=rows[:3])
        rows[:3] /= depth
        np.subtract(ideal, target, out=rows[3])
        if not self._bent:
            rows *= lens
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
        if clock() > deadline:
            return _Fit(x, start, cost, False, rows)
        failed = np.zeros(len(live), bool)
        then = rows
        for _ in range(MAX_STEPS):
            equations = summed_equations(then, weight)
            step, before = solved(equations[:6], equations[6:]), cost.take(live)
            promised = before - 0.5 * np.add.reduce(step * equations[6:], 0)
            trial = x.take(live, 1) - step
            then = self.rows(trial, live)
            now, weight = _robust(then[3])
            with np.errstate(invalid="ignore"):
                better = now <= before
            if not better.all():
                failed[live[~better]] = True
                some = np.flatnonzero(better)
                live, trial = live.take(some), trial.take(some, 1)
                now, promised = now.take(some), promised.take(some)
                then, weight = then.take(some, 3), weight.take(some, 1)
            if len(live) == len(cost):
                x, cost, rows = trial, now, then
            else:
                x[:, live], cost[live], rows[..., live] = trial, now, then
            more = np.flatnonzero(np.abs(now - promised) > ANOTHER_STEP * (1 + now))
            if not len(more):
                break
            if len(more) < len(live):
                live, then, weight = live.take(more), then.take(more, 3), weight.take(more, 1)
        in_time, rest = True, np.flatnonzero(failed & np.isfinite(start))
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
            in_time = not (done.stop == Stop.TIME).any()
            x[:, rest], cost[rest] = done.x.T, done.cost
            rows[..., rest] = self.rows(x[:, rest], rest)
        return _Fit(x, start, cost, in_time, rows)

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
