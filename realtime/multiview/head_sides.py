"""Heads look where the shoulders allow: which of two ears is the left one."""

from __future__ import annotations

import numpy as np

from engines.types.arrays import Doubles, Mask
from engines.types.skeleton import Skeleton
from realtime.multiview.body_proportions import head_length
from realtime.types.mirrored_parts import mirrored_parts

# Metres by which an eye or ear is off from where it is if the head looks straight ahead: a head
# that is turned by 60 degrees has its ears 8 cm from there.
TURNED_HEAD_M = 0.08
VARIANCE = TURNED_HEAD_M**2 * np.eye(3)


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
        and (P, K) which keypoints that changed: VARIANCE is theirs.

        least_cosine: of the angle to the shoulders, below which eyes or ears are so.
        """
        changed = np.zeros(xyz.shape[:2], bool)
        if not len(self._left) or not len(xyz):
            return xyz, changed
        left, right = self._shoulders
        across = xyz[:, left] - xyz[:, right]
        across = across / np.linalg.norm(across, axis=-1, keepdims=True)
        apart = xyz[:, self._left] - xyz[:, self._right]
        along = np.einsum("phi,pi->ph", apart, across)
        # What is not known, NaN, is not wrong.
        person, pair = np.nonzero(along < least_cosine * np.linalg.norm(apart, axis=-1))
        if not len(person):
            return xyz, changed
        ends = self._left[pair], self._right[pair]
        middle = (xyz[person, ends[0]] + xyz[person, ends[1]]) / 2
        half = across[person] * (self._lengths[pair] / 2)[:, None]
        xyz = xyz.copy()
        for end, at in zip(ends, (middle + half, middle - half), strict=True):
            xyz[person, end], changed[person, end] = at, True
        return xyz, changed
