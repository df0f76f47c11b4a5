"""Poses of one skeleton in the keypoints of another."""

from __future__ import annotations

from functools import cache

import numpy as np

from engines.types.errors import CardError
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton

SIDES = "left", "right"
SHOULDERS, HIPS = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")
EYE = (
    *("eye_outer", "upper_lid_outer", "upper_lid_inner"),
    *("eye_inner", "lower_lid_inner", "lower_lid_outer"),
)
# Keypoints whose middle stands for one that is not there. OpenPose trained neck and hips that way
# (TPAMI'19, section 4), and MPI's chest. A pupil is taken for the middle of its eye's outline; a
# hand's wrist is the arm's, a foot's tip its big toe, BlazePose's fingers are their knuckles.
MIDDLES = {"neck": SHOULDERS, "mid_hip": HIPS, "chest": SHOULDERS + HIPS}
MIDDLES |= {f"{side}_pupil": tuple(f"{side}_{part}" for part in EYE) for side in SIDES}
MIDDLES |= {
    f"{side}_{name}": (f"{side}_{other}",)
    for side in SIDES
    for name, other in (
        ("hand_wrist", "wrist"),
        ("foot_index", "big_toe"),
        ("big_toe", "foot_index"),
        ("pinky", "pinky_1"),
        ("index", "index_1"),
        ("thumb", "thumb_2"),
    )
}


def converted(poses: Poses, target: Skeleton) -> Poses:
    """The same people with the target's keypoints, matched by name.

    A keypoint that the poses do not have is the middle of those that stand for it (MIDDLES), with
    the lowest of their scores; what they have no counterpart for is not found.
    """
    if poses.skeleton is target:
        return poses
    shape = len(poses), len(target.keypoints)
    xy = np.full((*shape, 2), np.nan, np.float32)
    score = np.zeros(shape, np.float32)
    to, of, middles = _mapping(poses.skeleton, target)
    xy[:, to], score[:, to] = poses.xy[:, of], poses.score[:, of]
    for n, at in middles:
        xy[:, n], score[:, n] = poses.xy[:, at].mean(1), poses.score[:, at].min(1)
    return Poses(target, xy, score, poses.person_score)


@cache
def _mapping(
    source: Skeleton, target: Skeleton
) -> tuple[list[int], list[int], list[tuple[int, list[int]]]]:
    """Keypoints of the target that are one of the source's, which, and those that are middles."""
    places = list(enumerate(origins(source, target)))
    one = [(n, at[0]) for n, at in places if len(at) == 1]
    return [n for n, _ in one], [at for _, at in one], [(n, at) for n, at in places if len(at) > 1]


def origins(source: Skeleton, target: Skeleton) -> list[list[int]]:
    """For each keypoint of the target those of the source whose middle it is; [] = none."""
    return [origins_of(name, source) for name in target.keypoints]


def origins_of(name: str, source: Skeleton) -> list[int]:
    """The keypoints of a skeleton whose middle the keypoint of this name is; [] = none."""
    names = (name,) if name in source.keypoints else MIDDLES.get(name, ("",))
    known = all(one in source.keypoints for one in names)
    return [source.keypoints.index(one) for one in names] if known else []


def check_conversion(source: Skeleton, target: Skeleton) -> None:
    """CardError where none of the target's body can be had from the source."""
    sources = origins(source, target)
    if not any(sources[n] for n in target.body):
        raise CardError(
            f"Keypoints of {source.name} cannot be written as {target.name}: they have nothing in "
            "common; choose another skeleton."
        )
