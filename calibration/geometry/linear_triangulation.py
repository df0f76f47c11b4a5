"""Points from rays of several views by linear equations, views that do not fit left out.

The equations are those of DLT (Hartley and Zisserman, "Multiple View Geometry", 12.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from calibration.geometry.arrays import Doubles, Indices, Mask
from calibration.geometry.camera import Rig
from calibration.geometry.small_matrices import symmetric_inverse, symmetric_solved

GATE_SIGMAS = 3.5  # standard deviations beyond which a view does not fit: 1 in 450 that do
# Squared deviation of a view from the others' point, both being uncertain, up to which it joins
# them: 99 % of chi-squared in two dimensions.
MAX_JOINING_MISFIT = 9.2
# A point with a view beyond so many is in doubt: views that are wrong alike may have drawn it away
# from the right ones. Of right views with Gaussian noise a third is beyond it.
DOUBT_SIGMAS = 1.5
# Where the loss of a view reaches half of its most: narrower than the gate, as networks miss by
# little as a rule and by far where they mistake something, and a point between is then neither.
CORE_SIGMAS = 1.0
DIMENSIONS, SPACE_DIMENSIONS = 2, 3  # of a sighting, of a point
BEYOND = 1e6  # standard deviations, so that their squares stay finite
MAX_PAIRS = 45  # pairs of views to try for a point, all of ten cameras
# Below it two rays say nothing of the distance: a sighting off by 0.1 degrees moves the point by a
# tenth of its distance.
MIN_RAY_ANGLE = np.radians(1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """Where N points are thought to be: xyz (N, 3) metres, and information (N, 3, 3), the inverse
    of its covariance, 0 where nothing is expected.
    """

    xyz: Doubles
    information: Doubles

    @classmethod
    def of(cls, xyz: Doubles, covariance: Doubles) -> Expected:
        """Of points (..., 3) and covariances (..., 3, 3), NaN = nothing is expected."""
        information = symmetric_inverse(covariance)
        known = np.isfinite(xyz[..., 0]) & np.isfinite(information[..., 0, 0])
        return cls(
            np.where(known[..., None], xyz, 0.0).reshape(-1, 3),
            np.where(known[..., None, None], information, 0.0).reshape(-1, 3, 3),
        )

    def at(self, which: Indices) -> Expected:
        return Expected(self.xyz[which], self.information[which])

    def off(self, xyz: Doubles) -> Doubles:
        """(..., N) deviations of points (..., N, 3) from there."""
        way = xyz - self.xyz
        square = (way * (self.information @ way[..., None])[..., 0]).sum(-1)
        return np.asarray(np.sqrt(np.maximum(square, 0)), np.float64)


class Lines:
    """The N points' rays in V views, as linear equations; DLT: Hartley and Zisserman, 12.2.

    undistorted: (V, N, 2) undistorted sightings. scale: (V, N) 1 / pixels of a standard deviation.
    expected: where points are thought to be, and how sure that is. Where views contradict each
    other it has a say in which of them are right, as one more view; the points rest on views alone.
    """

    def __init__(
        self,
        rig: Rig,
        undistorted: Doubles,
        weight: Doubles,
        scale: Doubles,
        seen: Mask,
        expected: Expected | None = None,
    ) -> None:
        self._rig = rig
        self._expected = expected
        self._seen = seen
        self._weight = weight
        self._undistorted = np.where(seen[..., None], undistorted, 0.0)
        # From normalised coordinates to standard deviations.
        self._unit = rig.focals[:, None] * scale[..., None]
        first = (
            rig.rotations[:, None, :2] - self._undistorted[..., None] * rig.rotations[:, None, 2:]
        )
        right = self._undistorted * rig.translations[:, None, 2:] - rig.translations[:, None, :2]
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
        doubtful = (used & ~(off < DOUBT_SIGMAS)).any(0)
        if self._expected is not None:
            far = self._expected.off(xyz)
            doubtful |= np.sqrt(DIMENSIONS / SPACE_DIMENSIONS) * far > DOUBT_SIGMAS
        hard = np.flatnonzero(doubtful & (used.sum(0) >= 2))
        if len(hard):
            used[:, hard], better = self._agreeing(hard)
            for _ in range(2):  # once more with all views that fit the better point
                better, fitting = self._fitting(used[:, hard], hard, better)
                if (fitting == used[:, hard]).all():
                    break
                used[:, hard] = fitting
            xyz[hard] = better
        used &= self._apart(used)
        used &= np.isfinite(xyz[:, 0]) & (used.sum(0) >= 2)
        return xyz, used

    def solve(self, used: Mask, which: Indices) -> Doubles:
        """(M, 3) points of these views; a second solution weighs errors by the depths."""
        rough = self._solved(used.astype(float), which)
        return self._weighed(used, which, rough)

    def _weighed(self, used: Mask, which: Indices, near: Doubles) -> Doubles:
        """(M, 3) points of these views, errors weighed by the depths of points near them."""
        return self._solved(used / self._depths(near) ** 2, which)

    def _depths(self, xyz: Doubles) -> Doubles:
        """(V, M) of points (M, 3), metres."""
        depth = xyz @ self._rig.rotations[:, 2].T + self._rig.translations[:, 2]
        return np.maximum(depth.T, 1e-3)

    def _solved(self, share: Doubles, which: Indices) -> Doubles:
        left, right = self._left[:, which], self._right[:, which]
        return symmetric_solved(
            (share[..., None, None] * left).sum(0), (share[..., None] * right).sum(0)
        )

    def _fitting(self, used: Mask, which: Indices, near: Doubles) -> tuple[Doubles, Mask]:
        """(M, 3) points of these views and of what is expected, where that fits the points near;
        and (V, M) the views that fit, or the same where no two do.

        A view that is not used fits if it costs no more than chance explains, points moving towards
        it: of few views a point is less certain than a sighting.
        """
        share = 1 / self._depths(near) ** 2
        left, right = share[..., None, None] * self._left[:, which], self._right[:, which]
        right = share[..., None] * right
        information = (used[..., None, None] * left).sum(0)
        pull = (used[..., None] * right).sum(0)
        if self._expected is not None:
            prior = self._expected.at(which)
            fits = (prior.off(near) < GATE_SIGMAS)[:, None]
            information += fits[..., None] * prior.information
            pull += fits * (prior.information @ prior.xyz[..., None])[..., 0]
        xyz = symmetric_solved(information, pull)
        off = self._errors(xyz, which)
        slope = (left @ xyz[..., None])[..., 0] - right
        eased = (slope * symmetric_solved(information + left, slope)).sum(-1)
        squared = off**2 - np.where(used, 0, eased / np.maximum(self._weight[:, which], 1e-9))
        gate = np.where(used, GATE_SIGMAS**2, MAX_JOINING_MISFIT)
        fitting = self._seen[:, which] & (squared < gate)
        return xyz, np.where(fitting.sum(0) >= 2, fitting, used)

    def _errors(self, xyz: Doubles, which: Indices) -> Doubles:
        """(V, M) distances from the sightings, in standard deviations; infinite behind."""
        inside = xyz @ self._rig.rotations.transpose(0, 2, 1) + self._rig.translations[:, None]
        with np.errstate(all="ignore"):
            off = inside[..., :2] / inside[..., 2:] - self._undistorted[:, which]
            length = np.sqrt(((off * self._unit[:, which]) ** 2).sum(-1))
        return np.where((inside[..., 2] > 0) & np.isfinite(length), length, np.inf)

    def _agreeing(self, hard: Indices) -> tuple[Mask, Doubles]:
        """(V, M) the views that fit the best pair, by Geman and McClure's loss (1985), and where
        (M, 3) that is. What is expected makes pairs as a view does.

        With many cameras only the pairs of highest confidence are tried.
        """
        pairs = np.array(list(combinations(range(len(self._seen)), 2)))
        trust = self._weight[:, hard]
        both = trust[pairs[:, 0]] * trust[pairs[:, 1]]
        order = np.argsort(-both, axis=0, kind="stable")[:MAX_PAIRS]
        one, other = pairs[order, 0], pairs[order, 1]
        point = np.broadcast_to(hard, one.shape)
        xyz = symmetric_solved(
            self._left[one, point] + self._left[other, point],
            self._right[one, point] + self._right[other, point],
        )
        tried = np.take_along_axis(both, order, 0) > 0
        if self._expected is not None:
            prior = self._expected.at(hard)
            share = 1 / self._depths(prior.xyz) ** 2
            alone = symmetric_solved(
                prior.information + share[..., None, None] * self._left[:, hard],
                (prior.information @ prior.xyz[..., None])[..., 0]
                + share[..., None] * self._right[:, hard],
            )
            xyz, tried = np.concatenate([xyz, alone]), np.concatenate([tried, trust > 0])
        off = self._errors(xyz.reshape(-1, 3), np.tile(hard, len(xyz)))
        off = off.reshape(-1, *tried.shape)
        loss = (_loss(off, DIMENSIONS) * trust[:, None]).sum(0)
        if self._expected is not None:
            loss += _loss(prior.off(xyz), SPACE_DIMENSIONS)
            tried &= ((off < GATE_SIGMAS) & self._seen[:, None, hard]).sum(0) >= 2
        best, at = np.where(tried, loss, np.inf).argmin(0), np.arange(len(hard))
        chosen: Mask = (off[:, best, at] < GATE_SIGMAS) & self._seen[:, hard]
        return chosen, xyz[best, at]

    def _apart(self, used: Mask) -> Mask:
        """(N,) whether the rays of the used views do not all run the same way."""
        ahead = np.concatenate([self._undistorted, np.ones_like(self._undistorted[..., :1])], -1)
        ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
        rays = np.where(used[..., None], ahead @ self._rig.rotations, 0.0)
        # The mean of unit vectors that agree within an angle is hardly shorter than one.
        length = np.linalg.norm(rays.sum(0), axis=-1) / np.maximum(used.sum(0), 1)
        apart: Mask = length < np.cos(MIN_RAY_ANGLE / 2)
        return apart


def _loss(off: Doubles, dimensions: int) -> Doubles:
    """Of 0 to 1, of deviations in so many dimensions."""
    square = np.minimum(off, BEYOND) ** 2
    return np.asarray(square / (square + CORE_SIGMAS**2 * dimensions / DIMENSIONS), np.float64)


def cross(a: Doubles, b: Doubles) -> Doubles:
    """(..., 3) cross products; numpy's own takes five times as long for few."""
    (ax, ay, az), (bx, by, bz) = (tuple(v[..., n] for n in range(3)) for v in (a, b))
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)
