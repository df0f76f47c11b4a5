"""Poses of one skeleton in the keypoints of another."""

from __future__ import annotations

import numpy as np

from engines.poses import Poses
from engines.skeleton import Skeleton

# Keypoints that lie between two others: OpenPose trained them that way (TPAMI'19, section 4).
BETWEEN = {"neck": ("left_shoulder", "right_shoulder"), "mid_hip": ("left_hip", "right_hip")}


def converted(poses: Poses, target: Skeleton) -> Poses:
    """The same people with the target's keypoints, matched by name.

    A neck or a point between the hips that the poses do not have is the middle of its pair, with
    the lower of the two scores; what they have no counterpart for is not found.
    """
    source = poses.skeleton
    if source is target:
        return poses
    shape = len(poses), len(target.keypoints)
    xy = np.full((*shape, 2), np.nan, np.float32)
    score = np.zeros(shape, np.float32)
    for n, name in enumerate(target.keypoints):
        if name in source.keypoints:
            at = source.keypoints.index(name)
            xy[:, n], score[:, n] = poses.xy[:, at], poses.score[:, at]
        elif all(one in source.keypoints for one in BETWEEN.get(name, ("",))):
            pair = [source.keypoints.index(one) for one in BETWEEN[name]]
            xy[:, n], score[:, n] = poses.xy[:, pair].mean(1), poses.score[:, pair].min(1)
    return Poses(target, xy, score, poses.person_score)
