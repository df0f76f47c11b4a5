"""Left-right consistency: views that mistook one side for the other, heads by their shoulders."""

from __future__ import annotations

import numpy as np

from calibration.geometry.camera import Rig
from calibration.geometry.linear_triangulation import GATE_SIGMAS, Expected
from calibration.geometry.triangulation import triangulate_undistorted
from engines.types.arrays import Doubles, Mask
from engines.types.skeleton import Skeleton
from realtime.multiview.body_proportions import head_length
from realtime.multiview.bone_lengths import BoneLengths
from realtime.multiview.track_table_3d import Bodies
from realtime.types.mirrored_parts import mirrored_parts

MIN_SWAP_SIGMAS = 3  # standard deviations that a swap must explain: 0.3 % of Gaussian noise does
# Of heads, whose ears may nearly lie behind each other: what is expected of them has the last word.
MIN_HEAD_SWAP_SIGMAS = 2
# Metres by which an eye or ear is off from where it is if the head looks straight ahead: a head
# that is turned by 60 degrees has its ears 8 cm from there.
TURNED_HEAD_M = 0.08
HEAD_VARIANCE = TURNED_HEAD_M**2 * np.eye(3)


class LeftRightConsistency:
    """Turns arms, legs or heads round in views of one rig, by the body."""

    def __init__(self, rig: Rig, bones: BoneLengths) -> None:
        self._rig = rig
        self._bones = bones
        # Which keypoints are of the body of each part: (K, parts).
        self._parts = np.zeros((len(bones.mirror), len(bones.parts)))
        for n, part in enumerate(bones.parts):
            self._parts[part.body, n] = 1
        self._least_gain = np.array(
            [(MIN_HEAD_SWAP_SIGMAS if part.rigid else MIN_SWAP_SIGMAS) ** 2 for part in bones.parts]
        )
        rigid = self._parts[:, [part.rigid for part in bones.parts]]
        self._rigid: Mask = np.asarray(rigid.any(1), bool)

    def corrected(
        self,
        there: Doubles,
        bodies: Bodies,
        deviations: Doubles,
        prior: Expected | None = None,
        deadline: float = np.inf,
    ) -> Bodies:
        """The same with left and right as expected, where a view mistook them.

        there: (2, V, P, K) undistorted, where keypoints are expected. deviations: (V, P, K) of
        sightings. prior: of the P K keypoints, what is expected of them in space, where that does
        not come from these very views.
        """
        if not there.shape[2]:
            return bodies
        mirror = self._bones.mirror

        def misfit(points: Doubles) -> Doubles:
            off = points - there
            off /= deviations
            off *= off
            return np.asarray(np.minimum(off[0] + off[1], GATE_SIGMAS**2), np.float64)

        straight = misfit(bodies.undistorted)
        gain = straight - misfit(bodies.undistorted.take(mirror, 3))
        both = np.isfinite(gain)
        gain = np.where(both, gain, 0)
        wrong: Mask = np.greater(gain @ self._parts, self._least_gain)
        if not wrong.any():
            return bodies
        # Where most views are of one mind, it is the expectation that has the sides wrong.
        wrong &= 2 * wrong.sum(0) <= (both @ self._parts > 0).sum(0)
        order = np.broadcast_to(np.arange(len(mirror)), gain.shape).copy()
        for n, part in enumerate(self._bones.parts):
            whole = part.whole
            order[..., whole] = np.where(wrong[..., n, None], mirror[whole], order[..., whole])
        changed = order != np.arange(len(mirror))
        if not changed.any():
            return bodies
        view, person = np.ogrid[: gain.shape[0], : gain.shape[1]]
        turned = bodies.at((view[..., None], person[..., None], order))
        return self._agreeing(bodies, turned, changed, deviations, prior, deadline)

    def _agreeing(
        self,
        bodies: Bodies,
        turned: Bodies,
        changed: Mask,
        deviations: Doubles,
        prior: Expected | None,
        deadline: float,
    ) -> Bodies:
        """The turned bodies' parts where the views agree better on them than as they were seen.

        changed: (V, P, K). What is expected lags behind quick legs that pass each other, and no
        two views mistake the same by chance. But the rays of two views may meet either way: of
        heads, whose sides never pass each other, what is expected counts as one more view.
        """
        person, keypoint = np.nonzero(changed.any(0))
        scale = 1 / (deviations * self._rig.focals.mean(1)[:, None, None])[:, person, keypoint]
        seen = [one.at((slice(None), person, keypoint)) for one in (bodies, turned)]
        weight = np.concatenate([one.score for one in seen], 1)
        found = triangulate_undistorted(
            self._rig,
            np.concatenate([one.undistorted for one in seen], 2),
            weight,
            np.concatenate([scale, scale], 1),
            deadline=deadline,
        )
        loss = np.nan_to_num(2 * found.after) + GATE_SIGMAS**2 * (weight * ~found.used).sum(0)
        if prior is not None:
            known = prior.at(np.tile(person * changed.shape[2] + keypoint, 2))
            far = known.off(np.ascontiguousarray(found.xyz.T))
            rigid = np.tile(self._rigid[keypoint], 2)
            loss += (known.known & rigid) * np.fmin(far, GATE_SIGMAS**2)
        gain = loss[: len(person)] - loss[len(person) :]
        better = np.zeros(changed.shape[1:], bool)
        for part in self._bones.parts:
            of = (keypoint[:, None] == part.body).any(1)
            total = np.bincount(person[of], gain[of], changed.shape[1])
            better[:, part.whole] = (total > 0)[:, None]
        return Bodies(
            np.where(better, turned.undistorted, bodies.undistorted),
            np.where(better, turned.score, bodies.score),
        )


class HeadSides:
    """Expects the keypoints of a head where its shoulders let them be.

    The rays of two views to a left and a right ear meet whichever view has exchanged them, in other
    places: only the body tells which are right.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        index = {name: n for n, name in enumerate(skeleton.keypoints)}
        sides = [(name, f"right_{name.removeprefix('left_')}") for name in index]
        rigid = {n for part in mirrored_parts(skeleton) if part.rigid for n in part.body.tolist()}
        pairs = [(index[a], index[b]) for a, b in sides if index[a] in rigid and b in index]
        shoulders = [index.get(f"{side}_shoulder") for side in ("left", "right")]
        self._shoulders = [n for n in shoulders if n is not None]
        named = pairs if len(self._shoulders) == 2 else []
        self._left, self._right = np.array(named, np.intp).reshape(-1, 2).T
        names = skeleton.keypoints
        self._lengths = np.array([head_length(names[a], names[b]) for a, b in named])

    def put_right(self, xyz: Doubles, least_cosine: float) -> tuple[Doubles, Mask]:
        """(P, K, 3) bodies, those of whose heads are the wrong way round looking straight ahead,
        and (P, K) which keypoints that changed: HEAD_VARIANCE is theirs.

        least_cosine: of the angle to the shoulders, below which eyes or ears are so.
        """
        changed = np.zeros(xyz.shape[:2], bool)
        if not len(self._left) or not len(xyz):
            return xyz, changed
        left, right = self._shoulders
        across = xyz[:, left] - xyz[:, right]
        across = across / np.sqrt(np.vecdot(across, across))[:, None]
        apart = xyz.take(self._left, 1) - xyz.take(self._right, 1)
        along = np.vecdot(apart, across[:, None])
        # What is not known, NaN, is not wrong.
        person, pair = np.nonzero(along < least_cosine * np.sqrt(np.vecdot(apart, apart)))
        if not len(person):
            return xyz, changed
        ends = self._left[pair], self._right[pair]
        middle = (xyz[person, ends[0]] + xyz[person, ends[1]]) / 2
        half = across[person] * (self._lengths[pair] / 2)[:, None]
        xyz = xyz.copy()
        for end, at in zip(ends, (middle + half, middle - half), strict=True):
            xyz[person, end], changed[person, end] = at, True
        return xyz, changed
