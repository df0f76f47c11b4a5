"""Joint angles in the picture."""

from __future__ import annotations

from functools import cache

import numpy as np

from engines.types.arrays import Floats
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton

JOINTS = {  # the joint: from one neighbour over it to the other
    "elbow": ("shoulder", "elbow", "wrist"),
    "shoulder": ("elbow", "shoulder", "hip"),
    "hip": ("shoulder", "hip", "knee"),
    "knee": ("hip", "knee", "ankle"),
    "ankle": ("knee", "ankle", "big_toe"),
}


@cache
def joints(skeleton: Skeleton) -> dict[str, tuple[int, int, int]]:
    """The joints of a skeleton that have an angle, each by its name with its three keypoints."""
    found = {}
    for side in ("left", "right"):
        for joint, parts in JOINTS.items():
            names = [f"{side}_{part}" for part in parts]
            if all(name in skeleton.keypoints for name in names):
                one, middle, other = (skeleton.keypoints.index(name) for name in names)
                found[f"{side}_{joint}"] = one, middle, other
    return found


def joint_angles(poses: Poses) -> Floats:
    """(P, joints) degrees, 0 = folded up, 180 = straight, as seen in the picture; NaN = unknown."""
    ends = np.array(list(joints(poses.skeleton).values()), np.intp).reshape(-1, 3)
    middle = poses.xy[:, ends[:, 1]]
    one, other = poses.xy[:, ends[:, 0]] - middle, poses.xy[:, ends[:, 2]] - middle
    cross = one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
    angle: Floats = np.degrees(np.arctan2(np.abs(cross), (one * other).sum(axis=-1)))
    nowhere = (np.abs(one).sum(axis=-1) == 0) | (np.abs(other).sum(axis=-1) == 0)
    return np.where(nowhere, np.nan, angle).astype(np.float32)
