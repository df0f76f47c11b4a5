"""What of a person a network mistakes for the other side's at once: arms, legs, the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.types.arrays import Indices
from engines.types.skeleton import Skeleton

# Keypoints of the body, the groups that go with them, and whether both sides are one rigid whole.
MIRRORED_PARTS = (
    (("shoulder", "elbow", "wrist"), ("left_hand", "right_hand"), False),
    (("hip", "knee", "ankle", "big_toe", "small_toe", "heel"), ("feet",), False),
    (("eye", "ear"), ("face",), True),
)


@dataclass(frozen=True, slots=True, eq=False)
class MirroredPart:
    """Indices of keypoints of both sides; empty where a skeleton has none of the part.

    body: those that tell whether the sides are exchanged. whole: all that change sides then.
    rigid: whether the sides never pass each other, as those of a head.
    """

    body: Indices
    whole: Indices
    rigid: bool


def mirrored_parts(skeleton: Skeleton) -> list[MirroredPart]:
    """Arms, legs and the head of a skeleton."""
    mirror, found = skeleton.mirror, []
    for names, groups, rigid in MIRRORED_PARTS:
        body = [
            n
            for n in skeleton.body
            if mirror[n] != n and skeleton.keypoints[n].partition("_")[2] in names
        ]
        others = [n for group in groups for n in skeleton.groups[group] if n not in body]
        followers = others if body else []
        whole = np.array(body + followers, np.intp)
        found.append(MirroredPart(np.array(body, np.intp), whole, rigid))
    return found
