"""Points from rays of several views by linear equations, views that do not fit left out.

The equations are those of DLT (Hartley and Zisserman, "Multiple View Geometry", 12.2). Components
come first here, as in small_matrices.py: (3, N) points, (2, V, N) sightings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from calibration.geometry.arrays import Doubles, Indices, Mask
from calibration.geometry.camera import Rig
from calibration.geometry.small_matrices import (
    inverse,
    normal_equations,
    packed,
    solved,
    times,
)

GATE_SIGMAS = 3.5  # standard deviations beyond which a view does not fit: 1 in 450 that do
# Squared deviation of a view from the others' point, both being uncertain, up to which it joins
# them: 99 % of chi-squared in two dimensions.
MAX_JOINING_MISFIT = 9.2
# A point with a view beyond so many is in doubt: views that are wrong alike may have drawn it away
# from the right ones. Of right views with Gaussian noise a third is beyond it.
DOUBT_SIGMAS = 1.5
FEW_VIEWS = 5  # up to which all points are taken for such
# Where the loss of a view reaches half of its most: narrower than the gate, as networks miss by
# little as a rule and by far where they mistake something, and a point between is then neither.
CORE_SIGMAS = 1.0
DIMENSIONS, SPACE_DIMENSIONS = 2, 3  # of a sighting, of a point
BEYOND = 1e12  # squared standard deviations, of what is behind a camera: finite
MAX_PAIRS = 45  # pairs of views to try for a point, all of ten cameras
# Below it two rays say nothing of the distance: a sighting off by 0.1 degrees moves the point by a
# tenth of its distance.
MIN_RAY_ANGLE = np.radians(1.0)
MIN_DEPTH_M = 1e-3  # so that what is behind a camera weighs as what is close


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """Where N points are thought to be: xyz (3, N) metres, and normal (9, N), the inverse of its
    covariance, packed, and that times xyz; 0 where nothing is expected. known: (N,)
    """

    xyz: Doubles
    normal: Doubles
    known: Mask

    @classmethod
    def of(cls, xyz: Doubles, covariance: Doubles) -> Expected:
        """Of points (..., 3) and covariances (..., 3, 3), NaN = nothing is expected."""
        place = xyz.reshape(-1, 3).T
        information = inverse(packed(covariance.reshape(-1, 3, 3)))
        known = np.isfinite(place[0]) & np.isfinite(information[0])
        place, information = np.where(known, place, 0.0), np.where(known, information, 0.0)
        return cls(place, np.concatenate([information, times(information, place)]), known)

    def at(self, which: Indices) -> Expected:
        return Expected(self.xyz.take(which, 1), self.normal.take(which, 1), self.known.take(which))

    def off(self, xyz: Doubles) -> Doubles:
        """(..., N) squared deviations of points (3, ..., N) from there."""
        place, information = self.xyz, self.normal[:6]
        if xyz.ndim > 2:
            place, information = place[:, None], information[:, None]
        way = xyz - place
        return np.asarray((way * times(information, way)).sum(0), np.float64)


class Lines:
    """The N points' rays in V views, as linear equations; DLT: Hartley and Zisserman, 12.2.

    undistorted: (2, V, N) sightings. weight: (V, N), 0 = not seen. scale: (V, N) 1 /
    pixels of a standard deviation. expected: where points are thought to be, and how sure that is.
    Where views contradict each other it has a say in which of them are right, as one more view;
    the points rest on views alone.
    """

    def __init__(
        self,
        rig: Rig,
        undistorted: Doubles,
        weight: Doubles,
        scale: Doubles | float,
        expected: Expected | None = None,
    ) -> None:
        self._rig = rig
        self._expected = expected
        self._weight = weight
        self.seen: Mask = weight > 0
        self._undistorted = np.where(self.seen, undistorted, 0.0)
        # From normalised coordinates to standard deviations.
        self._unit = rig.focals.T[..., None] * scale
        rows = np.empty((4, *self._undistorted.shape))
        turn, shift = rig.rotations.T[..., None], rig.translations.T[..., None]
        rows[:3] = turn[:, :2] - self._undistorted * turn[:, 2:]
        rows[3] = self._undistorted * shift[2] - shift[:2]
        rows *= np.sqrt(weight) * self._unit
        self._normal = normal_equations(rows)

    def select(self) -> tuple[Doubles, Mask]:
        """(3, N) points and the (V, N) views that agree on them; none where no two do."""
        # Of few views one is in doubt nearly always, and there are few pairs to try.
        if len(self.seen) <= FEW_VIEWS:
            used, xyz = self._agreed()
        else:
            used = self.seen.copy()
            xyz = self.solve(used)
            hard = np.flatnonzero(self._doubtful(xyz))
            if len(hard):
                used[:, hard], xyz[:, hard] = self._some(hard)._agreed()
        used &= self._apart(used) & np.isfinite(xyz[0])
        return xyz, used

    def _doubtful(self, xyz: Doubles) -> Mask:
        """(N,)"""
        doubtful = (self.seen & ~(self._errors(xyz) < DOUBT_SIGMAS**2)).any(0)
        if self._expected is not None:
            far = self._expected.off(xyz)
            doubtful |= DIMENSIONS / SPACE_DIMENSIONS * far > DOUBT_SIGMAS**2
        return np.asarray(doubtful, bool)

    def _agreed(self) -> tuple[Mask, Doubles]:
        """(V, N) the views that fit a pair and those that fit the better point, (3, N)."""
        used, xyz = self.agreeing()
        for _ in range(2):
            xyz, fitting = self.fitting(used, xyz)
            if (fitting == used).all():
                break
            used = fitting
        return used, xyz

    def solve(self, used: Mask) -> Doubles:
        """(3, N) points of these views; errors are weighed by the depths, which are those of what
        is expected, or else of a first solution.
        """
        prior = self._expected
        if prior is not None and prior.known.all():
            near = prior.xyz
        else:
            near = self._solved(used.astype(float))
            if prior is not None:
                near = np.where(prior.known, prior.xyz, near)
        return self._solved(used / self._depths(near) ** 2)

    def agreeing(self) -> tuple[Mask, Doubles]:
        """(V, N) the views that fit the best pair, by Geman and McClure's loss (1985), and where
        (3, N) that is. What is expected makes pairs as a view does.

        With many cameras only the pairs of highest confidence are tried.
        """
        trust, points = self._weight, np.arange(self._weight.shape[1])
        one, other = _pairs(len(trust))
        both = trust[one] * trust[other]
        if len(both) > MAX_PAIRS:
            order = np.argsort(-both, axis=0, kind="stable")[:MAX_PAIRS]
            both = np.take_along_axis(both, order, 0)
            pairs = self._normal[:, one[order], points] + self._normal[:, other[order], points]
        else:
            pairs = self._normal[:, one] + self._normal[:, other]
        tried, prior = both > 0, self._expected
        if prior is not None:
            alone = self._normal / self._depths(prior.xyz) ** 2 + prior.normal[:, None]
            pairs = np.concatenate([pairs, alone], 1)
            tried = np.concatenate([tried, self.seen])
            both = np.concatenate([both, np.zeros_like(trust)])
        xyz = solved(pairs[:6], pairs[6:])
        off = self._errors(xyz)
        near = off < GATE_SIGMAS**2
        loss = np.einsum("vn,vpn->pn", trust, _loss(off, DIMENSIONS))
        if prior is not None:
            loss += _loss(prior.off(xyz), SPACE_DIMENSIONS)
            tried &= (near & self.seen[:, None]).sum(0) >= 2
        # Where no pair will do, the most confident one is left to those who look closer.
        best = np.where(tried, loss, BEYOND - both).argmin(0)
        return near[:, best, points] & self.seen, xyz[:, best, points]

    def fitting(self, used: Mask, near: Doubles) -> tuple[Doubles, Mask]:
        """(3, N) points of these views and of what is expected, where that fits the points near;
        and (V, N) the views that fit, or the same where no two do.

        A view that is not used fits if it costs no more than chance explains, points moving towards
        it: of few views a point is less certain than a sighting.
        """
        own = self._normal / self._depths(near) ** 2
        total = np.einsum("vn,cvn->cn", used.astype(float), own)
        if self._expected is not None:
            total += (self._expected.off(near) < GATE_SIGMAS**2) * self._expected.normal
        xyz = solved(total[:6], total[6:])
        off = self._errors(xyz)
        view, point = np.nonzero(self.seen & ~used)
        own = own[:, view, point]
        slope = times(own[:6], xyz.take(point, 1)) - own[6:]
        eased = slope * solved(total[:6].take(point, 1) + own[:6], slope)
        off[view, point] -= np.add.reduce(eased, 0) / np.maximum(self._weight[view, point], 1e-9)
        fits = self.seen & (off < np.where(used, GATE_SIGMAS**2, MAX_JOINING_MISFIT))
        return xyz, np.where(fits.sum(0) >= 2, fits, used)

    def _some(self, which: Indices) -> Lines:
        """Those of some points."""
        some = object.__new__(Lines)
        some._rig = self._rig
        some._expected = self._expected and self._expected.at(which)
        some._weight, some.seen = self._weight.take(which, 1), self.seen.take(which, 1)
        some._undistorted = self._undistorted.take(which, 2)
        some._unit, some._normal = self._unit.take(which, 2), self._normal.take(which, 2)
        return some

    def _depths(self, xyz: Doubles) -> Doubles:
        """(V, N) of points (3, N), metres."""
        depth = self._rig.rotations[:, 2] @ xyz + self._rig.translations[:, 2:]
        return np.maximum(depth, MIN_DEPTH_M)

    def _solved(self, share: Doubles) -> Doubles:
        total = np.einsum("vn,cvn->cn", share, self._normal)
        return solved(total[:6], total[6:])

    def _errors(self, xyz: Doubles) -> Doubles:
        """(V, ..., N) squared distances from the sightings, in standard deviations, of points
        (3, ..., N); infinite behind.
        """
        inside = self._rig.inside(xyz.reshape(3, -1)).reshape(3, len(self._rig), *xyz.shape[1:])
        seen, unit = self._undistorted, self._unit
        if xyz.ndim > 2:
            seen, unit = seen[:, :, None], unit[:, :, None]
        off, depth = inside[:2], inside[2]
        with np.errstate(all="ignore"):
            off /= depth
            off -= seen
            off *= unit
            off *= off
            square = off[0] + off[1]
        return np.where((depth > 0) & (square < np.inf), square, np.inf)

    def _apart(self, used: Mask) -> Mask:
        """(N,) whether two or more views are used whose rays do not all run the same way."""
        u, views = self._undistorted, np.add.reduce(used, 0)
        length = used / np.sqrt(1 + np.add.reduce(u * u, 0))
        rays = np.concatenate([u * length, length[None]]).reshape(-1, len(views))
        turn = self._rig.rotations.transpose(2, 1, 0).reshape(3, -1)  # by world axes
        # The mean of unit vectors that agree within an angle is hardly shorter than one.
        along = turn @ rays
        square = np.add.reduce(along * along, 0)
        apart: Mask = (views >= 2) & (square < (np.cos(MIN_RAY_ANGLE / 2) * views) ** 2)
        return apart


@cache
def _pairs(views: int) -> tuple[Indices, Indices]:
    """All pairs of so many views: the one and the other (Q,) of each."""
    one, other = np.array(list(combinations(range(views), 2))).reshape(-1, 2).T
    return one, other


def _loss(square: Doubles, dimensions: int) -> Doubles:
    """Of 0 to 1, of squared deviations in so many dimensions."""
    square = np.minimum(square, BEYOND)
    return np.asarray(square / (square + CORE_SIGMAS**2 * dimensions / DIMENSIONS), np.float64)


def cross(a: Doubles, b: Doubles) -> Doubles:
    """(..., 3) cross products; numpy's own takes five times as long for few."""
    (ax, ay, az), (bx, by, bz) = (tuple(v[..., n] for n in range(3)) for v in (a, b))
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)
