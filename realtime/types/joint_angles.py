"""Angles between the limbs that meet in a joint, in the picture or in space."""

from __future__ import annotations

from functools import cache

import numpy as np

from engines.types.arrays import Floats
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.types.results import Poses3D

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


def joint_angles(poses: Poses | Poses3D) -> Floats:
    """(P, joints) degrees, 0 = folded up, 180 = straight; NaN = unknown.

    Of Poses as seen in the picture, where a limb that points at the camera looks short; of Poses3D
    in space, by what the views of this instant say: a filter is late where bodies speed up. Where
    they do not say all three places, by the filtered ones.
    """
    ends = np.array(list(joints(poses.skeleton).values()), np.intp).reshape(-1, 3)
    if isinstance(poses, Poses):
        three = poses.xy[:, ends]
    else:
        three = poses.as_measured().xyz[:, ends]
        unknown = np.isnan(three).any(axis=(2, 3), keepdims=True)
        three = np.where(unknown, poses.xyz[:, ends], three)
    middle = three[:, :, 1]
    one, other = three[:, :, 0] - middle, three[:, :, 2] - middle
    if isinstance(poses, Poses):
        across = np.abs(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])
    else:
        across = np.linalg.norm(np.cross(one, other), axis=-1)
    angle = np.degrees(np.arctan2(across, (one * other).sum(axis=-1)))
    nowhere = (np.abs(one).sum(axis=-1) == 0) | (np.abs(other).sum(axis=-1) == 0)
    return np.where(nowhere, np.nan, angle).astype(np.float32)
