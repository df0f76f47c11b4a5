"""Bone-length prior: the lengths of a person's bones, learnt from what views agree on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from realtime.types.mirrored_parts import mirrored_parts

RIGID_BONES = {"shoulder", "elbow"}, {"elbow", "wrist"}, {"hip", "knee"}, {"knee", "ankle"}
AVERAGED_MEASUREMENTS = 60  # 2 s at 30 fps: each later measurement moves the mean by a 60th
MAX_LIMB_M = 0.8  # bounds what may be a limb: no person has a longer one
MAX_STRETCH = 0.15  # share by which a bone may differ from the mean length of that person's


class BoneLengths:
    """The limbs of a skeleton, from the trunk outwards.

    rigid: (L,) those that are a bone; necks, backs and shoulders bend. body: (L,) those whose both
    ends are of the body. Lengths are (P, L), NaN = not known yet; left and right share what they
    learn.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self.limbs = np.array(_outwards(skeleton.drawn), np.int64).reshape(-1, 2)
        mirror = skeleton.mirror
        pairs = [frozenset(limb) for limb in self.limbs.tolist()]
        self.twins = np.array(
            [
                pairs.index(other) if (other := frozenset(mirror[n] for n in limb)) in pairs else at
                for at, limb in enumerate(self.limbs.tolist())
            ],
            np.int64,
        )
        self._levels = _levels(self.limbs)
        self.mirror = np.array(mirror)
        names = [name.partition("_")[2] for name in skeleton.keypoints]
        self.rigid = np.array(
            [{names[a], names[b]} in RIGID_BONES for a, b in self.limbs.tolist()], bool
        )
        body = set(skeleton.body)
        self.body = np.array([body.issuperset(limb) for limb in self.limbs.tolist()], bool)
        self.parts = mirrored_parts(skeleton)

    def measured(self, xyz: Doubles) -> Doubles:
        """(P, L) lengths of bodies (P, K, 3)."""
        lengths: Doubles = np.linalg.norm(
            xyz[:, self.limbs[:, 0]] - xyz[:, self.limbs[:, 1]], axis=-1
        )
        return lengths

    def learn(
        self, lengths: Doubles, counts: NDArray[np.int64], xyz: Doubles
    ) -> tuple[Doubles, NDArray[np.int64]]:
        """The lengths with those of bodies whose keypoints are reliable, NaN otherwise."""
        now = self.measured(xyz)
        # A bone that is not measured stays unknown: minimum, unlike fmin, keeps its NaN.
        now = np.minimum(now, 4 * np.where(np.isnan(lengths), now, lengths))
        known = np.isfinite(now)
        counts = counts + known
        first = known & np.isnan(lengths)
        # After the first few an odd one moves the mean as much as any other, in its direction.
        change = np.clip(now / lengths, 0.9, 1.1) * lengths - lengths
        step = np.where(known, change, 0) / np.minimum(np.maximum(counts, 1), AVERAGED_MEASUREMENTS)
        return np.where(first, now, lengths + step), counts

    def usual(self, lengths: Doubles) -> Doubles:
        """(P, L) lengths, the mean of left and right."""
        both = np.stack([lengths, lengths[:, self.twins]])
        known = np.isfinite(both)
        total = np.where(known, both, 0).sum(0)
        with np.errstate(invalid="ignore"):
            mean: Doubles = np.where(known.any(0), total / known.sum(0), np.nan)
        return mean

    def fitted(self, xyz: Doubles, lengths: Doubles, weak: NDArray[np.bool_]) -> Doubles:
        """Bodies whose weak keypoints (P, K) are as far from their parents as they should be."""
        xyz = xyz.copy()
        for at in self._levels:
            (parent, child), length = self.limbs[at].T, lengths[:, at]
            bone = xyz[:, child] - xyz[:, parent]
            have = np.sqrt((bone * bone).sum(-1))
            with np.errstate(all="ignore"):
                scale = np.clip(have, (1 - MAX_STRETCH) * length, (1 + MAX_STRETCH) * length) / have
            wrong = weak[:, child] & (np.abs(scale - 1) > 1e-9)
            moved = xyz[:, parent] + bone * scale[..., None]
            xyz[:, child] = np.where(wrong[..., None], moved, xyz[:, child])
        return xyz


def _outwards(limbs: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """The limbs so that each begins where an earlier one ended."""
    rest, known, ordered = list(limbs), {limbs[0][0]}, []
    while rest:
        for limb in rest:
            if limb[0] in known or limb[1] in known:
                parent, child = limb if limb[0] in known else limb[::-1]
                ordered.append((parent, child))
                known.add(child)
                rest.remove(limb)
                break
        else:
            known.add(rest[0][0])
    return ordered


def _levels(limbs: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Places of limbs that can be worked on at once, none hanging on another of the same list."""
    depth: dict[int, int] = {}
    for parent, child in limbs.tolist():
        depth[child] = depth.get(parent, 0) + 1
    level = np.array([depth[child] for child in limbs[:, 1].tolist()], np.int64)
    return [np.flatnonzero(level == n) for n in range(1, level.max(initial=0) + 1)]
