"""Points in space from several views: weighted DLT, views that do not fit left out, LM."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.arrays import Doubles, Indices, Mask
from calibration.geometry.camera import Rig
from calibration.geometry.dense_least_squares import minimise
from calibration.geometry.levenberg_marquardt import Stop

GATE = 3.5  # standard deviations beyond which a view does not fit: 1 in 450 that do
HUBER = 2.0  # standard deviations from where on a view pulls with constant strength
PAIRS = 45  # pairs of views to try for a point, all of ten cameras
PARALLEL = np.radians(1.0)  # views whose rays are closer to parallel say nothing of the distance


@dataclass(frozen=True, slots=True, eq=False)
class Triangulation:
    """N points; NaN where fewer than two views agree.

    xyz: (N, 3) metres. error: (N,) root mean square over the used views, pixels.
    used: (V, N) views that the point rests on. covariance: (N, 3, 3) square metres.
    before: (N,) half the weighted squares of the errors before refinement, after: since.
    refined: whether there was time for all of the refinement.
    """

    xyz: Doubles
    error: Doubles
    used: Mask
    covariance: Doubles
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
    flat: Doubles | None = None,
    deadline: float = np.inf,
    clock: Callable[[], float] = time.monotonic,
) -> Triangulation:
    """(V, N, 2) pixels, NaN = not seen, to N points.

    weight: (V, N) confidences, 0 = not seen. sigma: pixels, or (V, N), that a sighting of
    weight 1 is off by in each direction as a rule. flat: (V, N, 2) the sightings undistorted,
    where that is done already. deadline: seconds on the clock.
    """
    views, count = xy.shape[:2]
    weight = np.ones((views, count)) if weight is None else weight
    flat = rig.normalise(xy) if flat is None else flat
    seen = np.isfinite(flat[..., 0]) & (weight > 0)
    scale = np.broadcast_to(1 / np.asarray(sigma, float), (views, count))
    lines = Lines(rig, flat, np.where(seen, weight, 0), scale, seen)
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

    fit = minimise(
        residuals,
        start[good],
        huber=HUBER,
        max_evaluations=12,
        tolerance=1e-4,
        deadline=deadline,
        clock=clock,
    )
    xyz, error = np.full((count, 3), np.nan), np.full(count, np.nan)
    covariance = np.full((count, 3, 3), np.nan)
    before, after = np.full(count, np.nan), np.full(count, np.nan)
    ok = fit.stop != Stop.INVALID
    kept = good[ok]
    xyz[kept], before[kept], after[kept] = fit.x[ok], fit.start[ok], fit.cost[ok]
    lost = np.ones(count, bool)
    lost[kept] = False
    used[:, lost] = False
    if len(kept):
        r, jacobian = residuals(fit.x[ok], np.flatnonzero(ok))
        factor = whitening[:, ok].T
        off = (r**2).sum(-1) / np.where(factor > 0, factor, 1) ** 2
        error[kept] = np.sqrt(off.sum(1) / used[:, kept].sum(0))
        across = jacobian.reshape(len(kept), -1, 3)
        information = across.swapaxes(1, 2) @ across
        covariance[kept] = np.linalg.inv(information + 1e-12 * np.eye(3))
    return Triangulation(xyz, error, used, covariance, before, after, bool((fit.stop != 2).all()))


class Lines:
    """The N points' rays in V views, as linear equations; DLT: Hartley and Zisserman, 12.2.

    flat: (V, N, 2) undistorted sightings. scale: (V, N) 1 / pixels of a standard deviation.
    """

    def __init__(self, rig: Rig, flat: Doubles, weight: Doubles, scale: Doubles, seen: Mask):
        self._rig = rig
        self._seen = seen
        self._weight = weight
        self._flat = np.where(seen[..., None], flat, 0.0)
        # From normalised coordinates to standard deviations.
        self._unit = rig.focals[:, None] * scale[..., None]
        first = rig.rotations[:, None, :2] - self._flat[..., None] * rig.rotations[:, None, 2:]
        right = self._flat * rig.translations[:, None, 2:] - rig.translations[:, None, :2]
        factor = np.sqrt(weight)[..., None] * self._unit
        first, right = first * factor[..., None], right * factor
        across = first.swapaxes(-1, -2)
        self._left = across @ first
        self._right = (across @ right[..., None])[..., 0]

    def select(self) -> tuple[Doubles, Mask]:
        """(N, 3) points and the (V, N) views that agree on them; none where no two do."""
        used = self._seen.copy()
        everything = np.arange(used.shape[1])
        xyz = self.solve(used, everything)
        off = self._errors(xyz, everything)
        hard = np.flatnonzero((used & ~(off < GATE)).any(0) & (used.sum(0) >= 2))
        if len(hard):
            used[:, hard] = self._agreeing(hard)
            # Once more with all views that fit the better point.
            for _ in range(2):
                xyz[hard] = self.solve(used[:, hard], hard)
                off = self._errors(xyz[hard], hard)
                used[:, hard] = self._seen[:, hard] & (off < GATE)
            xyz[hard] = self.solve(used[:, hard], hard)
        used &= self._spread(used)
        used &= np.isfinite(xyz[:, 0]) & (used.sum(0) >= 2)
        return xyz, used

    def solve(self, used: Mask, which: Indices) -> Doubles:
        """(M, 3) points of these views; a second solution weighs errors by the depths."""
        share = used.astype(float)
        for last in (False, True):
            xyz = _solved(
                np.einsum("vn,vnij->nij", share, self._left[:, which]),
                np.einsum("vn,vni->ni", share, self._right[:, which]),
            )
            if not last:
                depth = xyz @ self._rig.rotations[:, 2].T + self._rig.translations[:, 2]
                share = used / np.maximum(depth.T, 1e-3) ** 2
        return xyz

    def _errors(self, xyz: Doubles, which: Indices) -> Doubles:
        """(V, M) distances from the sightings, in standard deviations; infinite behind."""
        inside = xyz @ self._rig.rotations.transpose(0, 2, 1) + self._rig.translations[:, None]
        with np.errstate(all="ignore"):
            off = inside[..., :2] / inside[..., 2:] - self._flat[:, which]
            length = np.sqrt(((off * self._unit[:, which]) ** 2).sum(-1))
        return np.where((inside[..., 2] > 0) & np.isfinite(length), length, np.inf)

    def _agreeing(self, hard: Indices) -> Mask:
        """(V, M) the views that fit the best pair: least truncated squares, as MSAC's (Torr 2000).

        With many cameras only the pairs of highest confidence are tried.
        """
        pairs = np.array(list(combinations(range(len(self._seen)), 2)))
        trust = self._weight[:, hard]
        both = trust[pairs[:, 0]] * trust[pairs[:, 1]]
        order = np.argsort(-both, axis=0, kind="stable")[:PAIRS]
        one, other = pairs[order, 0], pairs[order, 1]
        point = np.broadcast_to(hard, one.shape)
        xyz = _solved(
            self._left[one, point] + self._left[other, point],
            self._right[one, point] + self._right[other, point],
        )
        tried = np.take_along_axis(both, order, 0) > 0
        off = self._errors(xyz.reshape(-1, 3), point.ravel()).reshape(-1, *one.shape)
        cut = np.minimum(off, GATE) ** 2
        loss = np.where(tried, (cut * trust[:, None]).sum(0), np.inf)
        best = loss.argmin(0)
        chosen: Mask = (off[:, best, np.arange(len(hard))] < GATE) & self._seen[:, hard]
        return chosen

    def _spread(self, used: Mask) -> Mask:
        """(N,) whether the rays of the used views do not all run the same way."""
        ahead = np.concatenate([self._flat, np.ones_like(self._flat[..., :1])], -1)
        ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
        rays = np.where(used[..., None], ahead @ self._rig.rotations, 0.0)
        # The mean of unit vectors that agree within an angle is hardly shorter than one.
        length = np.linalg.norm(rays.sum(0), axis=-1) / np.maximum(used.sum(0), 1)
        spread: Mask = length < np.cos(PARALLEL / 2)
        return spread


def _solved(left: Doubles, right: Doubles) -> Doubles:
    """(..., 3) solutions of normal equations, by cofactors; NaN where there is none."""
    a, b, c = left[..., 0, :], left[..., 1, :], left[..., 2, :]
    cofactors = np.stack([cross(b, c), cross(c, a), cross(a, b)], -2)
    determinant = (a * cofactors[..., 0, :]).sum(-1, keepdims=True)
    size = np.trace(left, axis1=-2, axis2=-1)[..., None]
    with np.errstate(all="ignore"):
        x = (cofactors @ right[..., None])[..., 0] / determinant
    return np.where(determinant > 1e-14 * size**3, x, np.nan)


def cross(a: Doubles, b: Doubles) -> Doubles:
    """(..., 3) cross products; numpy's own takes five times as long for few."""
    (ax, ay, az), (bx, by, bz) = (tuple(v[..., n] for n in range(3)) for v in (a, b))
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)
