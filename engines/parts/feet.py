"""Feet by a network of one person that knows heels and tips (BlazePose), held to our ankles."""

from __future__ import annotations

import numpy as np

from engines.types.arrays import Floats, Mask
from engines.types.poses import Poses

MIN_VISIBLE = 0.5  # confidence of ankle, heel and tip
MAX_ANKLE_OFF = 0.25  # shanks between its ankle and ours
TAKEN = {"heel": "heel", "big_toe": "foot_index"}  # ours by its
SIDES = ("left", "right")


def feet_of(people: Poses, theirs: Poses) -> tuple[list[str], Floats, Floats]:
    """Names of keypoints of feet with (P, F, 2) their places and (P, F) confidence, 0 = unknown.

    people: with knees and ankles. theirs: the same P as the other network sees them; where it takes
    the legs for each other, a foot is that of the leg that is ours. A foot is shifted by what lies
    between the ankles, ours and its, and taken only where these agree.
    """
    names, places, scores = [], [], []
    theirs = _on_our_sides(people, theirs)
    for side in SIDES:
        ankle, sure = _point(theirs, f"{side}_ankle")
        ours, _ = _point(people, f"{side}_ankle")
        knee, _ = _point(people, f"{side}_knee")
        shift = ours - ankle
        shank = np.linalg.norm(ours - knee, axis=-1)
        with np.errstate(invalid="ignore"):
            near = np.linalg.norm(shift, axis=-1) <= MAX_ANKLE_OFF * shank
        for name, their in TAKEN.items():
            xy, score = _point(theirs, f"{side}_{their}")
            ok = near & (np.minimum(sure, score) >= MIN_VISIBLE)
            names.append(f"{side}_{name}")
            places.append(np.where(ok[:, None], xy + shift, np.float32(np.nan)))
            scores.append(np.where(ok, score, np.float32(0)))
    return names, np.stack(places, axis=1), np.stack(scores, axis=1)


def _on_our_sides(people: Poses, theirs: Poses) -> Poses:
    """With left and right exchanged where its knees and ankles fit ours better so."""

    def misfit(sides: tuple[str, str]) -> Floats:
        gaps = [
            np.linalg.norm(
                _point(people, f"{ours}_{joint}")[0] - _point(theirs, f"{their}_{joint}")[0],
                axis=-1,
            )
            for ours, their in zip(SIDES, sides, strict=True)
            for joint in ("knee", "ankle")
        ]
        total: Floats = np.sum(gaps, axis=0, dtype=np.float32)
        return total

    with np.errstate(invalid="ignore"):
        crossed = misfit(("right", "left")) < misfit(SIDES)
    mirror = np.array(theirs.skeleton.mirror)
    return Poses(
        theirs.skeleton,
        np.where(crossed[:, None, None], theirs.xy[:, mirror], theirs.xy),
        np.where(crossed[:, None], theirs.score[:, mirror], theirs.score),
        theirs.person_score,
    )


def has_shank(people: Poses) -> Mask:
    """(P,) whether a knee and its ankle were found, without which no foot can be taken."""
    pairs = [
        ~np.isnan(_point(people, f"{side}_ankle")[0] + _point(people, f"{side}_knee")[0])[:, 0]
        for side in SIDES
    ]
    return np.asarray(pairs[0] | pairs[1], bool)


def _point(poses: Poses, name: str) -> tuple[Floats, Floats]:
    """(P, 2) and (P,) of a keypoint; not found where the skeleton has none of this name."""
    if name not in poses.skeleton.keypoints:
        nowhere = np.full((len(poses), 2), np.nan, np.float32)
        return nowhere, np.zeros(len(poses), np.float32)
    at = poses.skeleton.keypoints.index(name)
    return poses.xy[:, at], poses.score[:, at]
