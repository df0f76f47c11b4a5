"""Which of OpenPose's arrays the keypoints of a skeleton are written to, and read from."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Literal

from engines.types.skeleton import Skeleton, named_skeleton
from engines.types.skeleton_groups import core, group_names

Apart = Literal["face", "left_hand", "right_hand"]
# In OpenPose's order; `_2d` or `_3d` follows. The body, with its feet, is `pose_keypoints`.
ARRAYS: dict[Apart, str] = {
    "face": "face_keypoints",
    "left_hand": "hand_left_keypoints",
    "right_hand": "hand_right_keypoints",
}
# Who has these has the whole group; BlazePose's hands, for example, are three keypoints.
TELLING: dict[Apart, str] = {
    "face": "chin",
    "left_hand": "left_thumb_4",
    "right_hand": "right_thumb_4",
}


def pose_skeleton(own: Skeleton, target: Skeleton | None = None) -> Skeleton:
    """That of the array of the body: the target, else the own one without hands and face.

    A body to which feet were added is BODY_25, the one of OpenPose's that has feet.
    """
    if target is not None:
        return target
    base = core(own)
    if own.feet and not base.feet:
        return named_skeleton("body25")
    return base


def parts_apart(own: Skeleton, pose: Skeleton) -> dict[Apart, Skeleton]:
    """Those of arrays of their own: hands and face, where `pose` does not have them itself."""
    return {
        part: part_skeleton(part)
        for part, name in TELLING.items()
        if name in own.keypoints and name not in pose.keypoints
    }


@cache
def part_skeleton(part: Apart) -> Skeleton:
    """A hand, or a face, with the names that its keypoints have beside a body."""
    own = named_skeleton("face70" if part == "face" else "hand21")
    return replace(own, keypoints=group_names(part))
