"""Poses of one skeleton in the keypoints of another."""

from __future__ import annotations

import numpy as np

from engines.types.poses import Poses
from engines.types.skeleton import Skeleton

# Keypoints that lie between two others: OpenPose trained them that way (TPAMI'19, section 4).
BETWEEN = {"neck": ("left_shoulder", "right_shoulder"), "mid_hip": ("left_hip", "right_hip")}


def converted(poses: Poses, target: Skeleton) -> Poses:
    """The same people with the target's keypoints, matched by name.

    A neck or a point between the hips that the poses do not have is the middle of its pair, with
    the lower of the two scores; what they have no counterpart for is not found.
    """
    if poses.skeleton is target:
        return poses
    shape = len(poses), len(target.keypoints)
    xy = np.full((*shape, 2), np.nan, np.float32)
    score = np.zeros(shape, np.float32)
    for n, at in enumerate(origins(poses.skeleton, target)):
        if at:
            xy[:, n], score[:, n] = poses.xy[:, at].mean(1), poses.score[:, at].min(1)
    return Poses(target, xy, score, poses.person_score)


def origins(source: Skeleton, target: Skeleton) -> list[list[int]]:
    """For each keypoint of the target those of the source whose middle it is; [] = none."""
    return [origins_of(name, source) for name in target.keypoints]


def origins_of(name: str, source: Skeleton) -> list[int]:
    """The keypoints of a skeleton whose middle the keypoint of this name is; [] = none."""
    names = (name,) if name in source.keypoints else BETWEEN.get(name, ("",))
    known = all(one in source.keypoints for one in names)
    return [source.keypoints.index(one) for one in names] if known else []
