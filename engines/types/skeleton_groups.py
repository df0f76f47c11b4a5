"""Bodies with hands, a face and feet of their own beside them, and back to their parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np

from engines.types.arrays import Indices
from engines.types.poses import Poses
from engines.types.skeleton import FOLLOWERS, Skeleton, named_skeleton

Group = Literal["feet", "left_hand", "right_hand", "face"]
SHRINK = {"left_hand": 7.0, "right_hand": 7.0, "face": 6.0}  # sigmas of a part to a body's
WRIST = "hand_wrist"  # of a hand, where the arm has a wrist of its own


@cache
def with_groups(base: Skeleton, groups: Sequence[Group]) -> Skeleton:
    """The base, with these groups after its own keypoints; those that it has are left out.

    groups: a tuple, in any order. Hands have OpenPose's 21 keypoints, faces its 70, feet its 6.
    """
    out = base
    for name in FOLLOWERS:
        if name in groups and not base.groups[name]:
            out = _joined(out, name)
    return out


def group_names(group: str) -> tuple[str, ...]:
    """The names of a group's keypoints, in OpenPose's order."""
    if group == "face":
        return named_skeleton("face70").keypoints
    if group == "feet":
        return tuple(named_skeleton("body25").keypoints[n] for n in named_skeleton("body25").feet)
    side = group.partition("_")[0]
    return tuple(
        f"{side}_{WRIST if name == 'wrist' else name}"
        for name in named_skeleton("hand21").keypoints
    )


def groups_apart(skeleton: Skeleton) -> tuple[Indices, ...]:
    """Keypoints of each hand, of the face and of each foot, without those that count as body."""
    feet = [
        [n for n in skeleton.feet if skeleton.keypoints[n].startswith(side)]
        for side in ("left_", "right_")
    ]
    every = (skeleton.left_hand, skeleton.right_hand, skeleton.face, *feet)
    own = (set(some) - set(skeleton.body) for some in every)
    return tuple(np.array(sorted(some), np.intp) for some in own if some)


def core(skeleton: Skeleton) -> Skeleton:
    """The skeleton without the groups that `with_groups` has added."""
    return skeleton.base or skeleton


def core_of(poses: Poses) -> Poses:
    """The same people without the groups that were added."""
    return fitted(poses, core(poses.skeleton))


def fitted(poses: Poses, skeleton: Skeleton) -> Poses:
    """The same people in a skeleton with more, or fewer, groups after the same keypoints."""
    have, want = len(poses.skeleton.keypoints), len(skeleton.keypoints)
    if poses.skeleton is skeleton:
        return poses
    common = min(have, want)
    assert poses.skeleton.keypoints[:common] == skeleton.keypoints[:common], "no groups of one body"
    xy = np.full((len(poses), want, 2), np.nan, np.float32)
    score = np.zeros((len(poses), want), np.float32)
    xy[:, :common], score[:, :common] = poses.xy[:, :common], poses.score[:, :common]
    return replace(poses, skeleton=skeleton, xy=xy, score=score)


def _joined(skeleton: Skeleton, group: str) -> Skeleton:
    """One group more."""
    names = group_names(group)
    source = {"face": "face70", "feet": "body25"}.get(group, "hand21")
    of = named_skeleton(source)
    at = of.feet if group == "feet" else tuple(range(len(of.keypoints)))
    place = {n: len(skeleton.keypoints) + k for k, n in enumerate(at)}
    if group == "feet":  # the ankles, which the toes hang on
        ankles = {f"{side}_ankle" for side in ("left", "right")} & {*skeleton.keypoints}
        place |= {of.keypoints.index(one): skeleton.keypoints.index(one) for one in ankles}
    shrink = SHRINK.get(group, 1.0)  # a hand's sigmas are relative to hands, see hand21.toml
    limbs = tuple(
        (place[one], place[other])
        for one, other in of.drawn
        if one in place and other in place and (one in at or other in at)
    )
    redundant = [skeleton.limbs[n] for n in sorted(skeleton.redundant)]
    tree = (*skeleton.drawn, *limbs)
    grown = replace(
        skeleton,
        name=f"{skeleton.name}+{group}",
        keypoints=(*skeleton.keypoints, *names),
        limbs=(*tree, *redundant),
        redundant=frozenset(range(len(tree), len(tree) + len(redundant))),
        sigmas=(*skeleton.sigmas, *(of.sigmas[n] / shrink for n in at)),
        colours=(*skeleton.colours, *(of.colours[n] for n in at)),
        base=core(skeleton),
    )
    members = tuple(place[n] for n in at)
    match group:
        case "feet":
            return replace(grown, feet=members)
        case "left_hand":
            return replace(grown, left_hand=members)
        case "right_hand":
            return replace(grown, right_hand=members)
        case _:
            return replace(grown, face=members)
