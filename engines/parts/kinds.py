"""Parts of a body that can be asked for, and the groups of keypoints that each of them is."""

from __future__ import annotations

from typing import Literal

from engines.types.skeleton_groups import Group

Part = Literal["hands", "face", "feet"]
GROUPS: dict[Part, tuple[Group, ...]] = {
    "hands": ("left_hand", "right_hand"),
    "face": ("face",),
    "feet": ("feet",),
}
