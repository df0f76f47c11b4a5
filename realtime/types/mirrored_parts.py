"""What of a person a network mistakes for the other side's at once: arms, legs, the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.types.arrays import Indices
from engines.types.skeleton import Skeleton

MIRRORED_PARTS = (  # keypoints of the body, and the groups that go with them
    (("shoulder", "elbow", "wrist"), ("left_hand", "right_hand")),
    (("hip", "knee", "ankle"), ("feet",)),
    (("eye", "ear"), ("face",)),
)


@dataclass(frozen=True, slots=True, eq=False)
class MirroredPart:
    """Indices of keypoints of both sides; empty where a skeleton has none of the part.

    body: those that tell whether the sides are exchanged. whole: all that change sides then.
    """

    body: Indices
    whole: Indices


def mirrored_parts(skeleton: Skeleton) -> list[MirroredPart]:
    """Arms, legs and the head of a skeleton."""
    mirror, found = skeleton.mirror, []
    for names, groups in MIRRORED_PARTS:
        body = [
            n
            for n in skeleton.body
            if mirror[n] != n and skeleton.keypoints[n].partition("_")[2] in names
        ]
        followers = [n for group in groups for n in skeleton.groups[group]] if body else []
        found.append(MirroredPart(np.array(body, np.intp), np.array(body + followers, np.intp)))
    return found
