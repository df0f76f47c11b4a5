"""Points from rays of several views by linear equations, views that do not fit left out.

The equations are those of DLT (Hartley and Zisserman, "Multiple View Geometry", 12.2).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from calibration.geometry.arrays import Doubles, Indices, Mask
from calibration.geometry.camera import Rig
from calibration.geometry.small_matrices import symmetric_solved

GATE_SIGMAS = 3.5  # standard deviations beyond which a view does not fit: 1 in 450 that do
# A point with a view beyond so many is in doubt: views that are wrong alike may have drawn it away
# from the right ones. Of right views with Gaussian noise a third is beyond it.
DOUBT_SIGMAS = 1.5
# Where the loss of a view reaches half of its most: narrower than the gate, as networks miss by
# little as a rule and by far where they mistake something, and a point between is then neither.
CORE_SIGMAS = 1.0
BEYOND = 1e6  # standard deviations, so that their squares stay finite
MAX_PAIRS = 45  # pairs of views to try for a point, all of ten cameras
# Below it two rays say nothing of the distance: a sighting off by 0.1 degrees moves the point by a
# tenth of its distance.
MIN_RAY_ANGLE = np.radians(1.0)


class Lines:
    """The N points' rays in V views, as linear equations; DLT: Hartley and Zisserman, 12.2.

    undistorted: (V, N, 2) undistorted sightings. scale: (V, N) 1 / pixels of a standard deviation.
    """

    def __init__(self, rig: Rig, undistorted: Doubles, weight: Doubles, scale: Doubles, seen: Mask):
        self._rig = rig
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
        hard = np.flatnonzero((used & ~(off < DOUBT_SIGMAS)).any(0) & (used.sum(0) >= 2))
        if len(hard):
            used[:, hard] = self._agreeing(hard)
            better = self.solve(used[:, hard], hard)
            # Once more with all views that fit the better point.
            for _ in range(2):
                fitting = self._seen[:, hard] & (self._errors(better, hard) < GATE_SIGMAS)
                if (fitting == used[:, hard]).all():
                    break
                used[:, hard] = fitting
                better = self._weighed(fitting, hard, better)
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
        depth = near @ self._rig.rotations[:, 2].T + self._rig.translations[:, 2]
        return self._solved(used / np.maximum(depth.T, 1e-3) ** 2, which)

    def _solved(self, share: Doubles, which: Indices) -> Doubles:
        left, right = self._left[:, which], self._right[:, which]
        return symmetric_solved(
            (share[..., None, None] * left).sum(0), (share[..., None] * right).sum(0)
        )

    def _errors(self, xyz: Doubles, which: Indices) -> Doubles:
        """(V, M) distances from the sightings, in standard deviations; infinite behind."""
        inside = xyz @ self._rig.rotations.transpose(0, 2, 1) + self._rig.translations[:, None]
        with np.errstate(all="ignore"):
            off = inside[..., :2] / inside[..., 2:] - self._undistorted[:, which]
            length = np.sqrt(((off * self._unit[:, which]) ** 2).sum(-1))
        return np.where((inside[..., 2] > 0) & np.isfinite(length), length, np.inf)

    def _agreeing(self, hard: Indices) -> Mask:
        """(V, M) the views that fit the best pair, by Geman and McClure's loss (1985).

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
        off = self._errors(xyz.reshape(-1, 3), point.ravel()).reshape(-1, *one.shape)
        square = np.minimum(off, BEYOND) ** 2
        loss = square / (square + CORE_SIGMAS**2)
        loss = np.where(tried, (loss * trust[:, None]).sum(0), np.inf)
        best = loss.argmin(0)
        chosen: Mask = (off[:, best, np.arange(len(hard))] < GATE_SIGMAS) & self._seen[:, hard]
        return chosen

    def _apart(self, used: Mask) -> Mask:
        """(N,) whether the rays of the used views do not all run the same way."""
        ahead = np.concatenate([self._undistorted, np.ones_like(self._undistorted[..., :1])], -1)
        ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
        rays = np.where(used[..., None], ahead @ self._rig.rotations, 0.0)
        # The mean of unit vectors that agree within an angle is hardly shorter than one.
        length = np.linalg.norm(rays.sum(0), axis=-1) / np.maximum(used.sum(0), 1)
        apart: Mask = length < np.cos(MIN_RAY_ANGLE / 2)
        return apart


def cross(a: Doubles, b: Doubles) -> Doubles:
    """(..., 3) cross products; numpy's own takes five times as long for few."""
    (ax, ay, az), (bx, by, bz) = (tuple(v[..., n] for n in range(3)) for v in (a, b))
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)
