"""A person's keypoints as the joint angles of a standard skeleton with bones of fixed length.

At rest it stands upright and looks along z, y up, its arms out to the sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from realtime.mocap.rotations import about, frames, last_known, swing, unit

LEFT, UP, AHEAD = np.eye(3)
TOE = unit(np.array([0, -0.4, 1.0]))
MIN_BEND_SINE = np.sin(np.radians(15))  # of a knee or an elbow that shows how its limb is turned
MAX_TWIST = np.radians(120)  # bounds how far joints turn: more is a keypoint astray
WAIST_HEIGHT = 0.1  # in trunks above the hips, where the spine begins
# Lengths in body heights (Winter, Biomechanics and Motor Control of Human Movement, figure 4.1),
# for bones that are never seen.
LENGTHS_IN_HEIGHTS = {
    "shoulder": 0.129,
    "elbow": 0.186,
    "wrist": 0.146,
    "hand": 0.108,
    "knee": 0.245,
    "ankle": 0.246,
    "big_toe": 0.12,
    "neck": 0.26,
    "head": 0.118,
    "nose": 0.06,
    "hip": 0.0955,
}
# The same of fingers, from the wrist to the knuckle and on (Buchholz et al., Ergonomics 1992).
FINGER_LENGTHS = (0.055, 0.026, 0.015, 0.011)
FINGERS = ("thumb", "index", "middle", "ring", "pinky")


class Bone(NamedTuple):
    """A joint and what hangs on it.

    at, to: points between which it lies. rest: its direction at rest. order: of its angles, the
    twist in the middle, where it does not come near the 90 degrees at which the others merge.
    line: points from right to left that say how it is turned. hinge: the point beyond its end, and
    the axis at rest about which that bends.
    """

    name: str
    parent: str
    at: str
    to: str
    rest: Doubles
    order: str
    line: str = ""
    hinge: tuple[str, Doubles] | None = None


def _side(side: str, sign: int) -> tuple[Bone, ...]:
    name, out = side.capitalize(), sign * LEFT
    arm, leg = ("ZXY", "ZYX")
    return (
        Bone(f"{name}Shoulder", "Spine", "neck", f"{side}_shoulder", out, arm),
        Bone(
            *(f"{name}Arm", f"{name}Shoulder", f"{side}_shoulder", f"{side}_elbow", out, arm),
            hinge=(f"{side}_wrist", -sign * UP),
        ),
        Bone(f"{name}ForeArm", f"{name}Arm", f"{side}_elbow", f"{side}_wrist", out, arm),
        Bone(f"{name}Hand", f"{name}ForeArm", f"{side}_wrist", f"{side}_hand", out, arm),
        Bone(
            *(f"{name}UpLeg", "Hips", f"{side}_hip", f"{side}_knee", -UP, leg),
            hinge=(f"{side}_ankle", LEFT),
        ),
        Bone(f"{name}Leg", f"{name}UpLeg", f"{side}_knee", f"{side}_ankle", -UP, leg),
        Bone(f"{name}Foot", f"{name}Leg", f"{side}_ankle", f"{side}_big_toe", TOE, leg),
    )


ROOT = Bone("Hips", "", "hips", "", UP, "ZXY", line="hip")
BONES = (
    ROOT,
    Bone("Spine", "Hips", "waist", "neck", UP, "ZYX", line="shoulder"),
    Bone("Neck", "Spine", "neck", "head", UP, "ZYX"),
    Bone("Head", "Neck", "head", "nose", AHEAD, "ZXY", line="ear"),
    *_side("left", 1),
    *_side("right", -1),
)


def _fingers(side: str, sign: int) -> Iterator[Bone]:
    """Of each finger the part within the palm, and three beyond the knuckle."""
    name = side.capitalize()
    for finger in FINGERS:
        rest = unit(sign * LEFT + AHEAD) if finger == "thumb" else sign * LEFT
        points = [f"{side}_palm", *(f"{side}_{finger}_{n}" for n in range(1, 5))]
        parent = f"{name}Hand"
        for n, (at, to) in enumerate(pairwise(points)):
            own = (
                f"{name}Hand{finger.capitalize()}{n}" if n else f"{name}InHand{finger.capitalize()}"
            )
            yield Bone(own, parent, at, to, rest, "ZXY")
            parent = own


def bones_of(skeleton: Skeleton) -> tuple[Bone, ...]:
    """Those of the body, and of hands that the skeleton has."""
    sides = [
        (side, sign)
        for side, sign in (("left", 1), ("right", -1))
        if f"{side}_pinky_4" in skeleton.keypoints
    ]
    return (*BONES, *(bone for one in sides for bone in _fingers(*one)))


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """bones: the root first, each after its parent. offsets: of every point from the joint on which
    it hangs, metres. root: (T, 3) metres.

    turns: (T, 3, 3) of each joint against its parent. unknown: the most frames in a row in which
    each that was ever seen held still for want of its points.
    """

    bones: tuple[Bone, ...]
    offsets: dict[str, Doubles]
    root: Doubles
    turns: dict[str, Doubles]
    unknown: dict[str, int]


def posed(xyz: Doubles, skeleton: Skeleton) -> Pose | None:
    """Keypoints (T, K, 3) in metres, y up, as a pose; None where hips and trunk are never seen.

    Bones are as long as they are in the median; directions are those of the keypoints. How a limb
    is turned about itself comes from its knee or elbow where that is bent, from moments before and
    after where it is straight.
    """
    bones = bones_of(skeleton)
    points = _points(xyz, skeleton, bones)
    hips = points["hips"]
    line = points["left_hip"] - points["right_hip"]
    world = frames(line, points["neck"] - hips, "XY")
    known = _known(world)
    if not known.any():
        return None
    turns, unknown = {"Hips": last_known(world, known)}, {"Hips": _longest(~known)}
    root = last_known(hips, known)
    worlds = dict(turns)
    trunk = float(np.nanmedian(np.linalg.norm(points["neck"] - hips, axis=-1)))
    wide = float(np.nanmedian(np.linalg.norm(line, axis=-1))) / 2
    waist = np.array([0, WAIST_HEIGHT * trunk, 0])
    points["waist"] = root + turns["Hips"] @ waist
    offsets = {"waist": waist, "left_hip": wide * LEFT, "right_hip": -wide * LEFT}
    for bone in bones[1:]:
        along = points[bone.to] - points[bone.at]
        turn = _turn(bone, along, points, worlds[bone.parent])
        known = _known(turn)
        if known.any():
            turns[bone.name], unknown[bone.name] = last_known(turn, known), _longest(~known)
        else:
            turns[bone.name] = np.broadcast_to(np.eye(3), turn.shape)
        worlds[bone.name] = worlds[bone.parent] @ turns[bone.name]
        lengths = np.linalg.norm(along, axis=-1)
        seen = np.isfinite(lengths)
        offsets[bone.to] = bone.rest * (np.median(lengths[seen]) if seen.any() else np.nan)
    _complete(offsets, bones)
    offsets |= {f"{side}_palm": np.zeros(3) for side in ("left", "right")}
    return Pose(bones, offsets, root, turns, unknown)


def _turn(bone: Bone, along: Doubles, points: dict[str, Doubles], parent: Doubles) -> Doubles:
    """(T, 3, 3) against its parent; NaN where points are not known."""
    back = parent.swapaxes(1, 2)
    if bone.line:
        line = points[f"left_{bone.line}"] - points[f"right_{bone.line}"]
        turn = back @ frames(along, line, "YX" if bone.rest[1] else "ZX")
        # Nobody looks or bends so far back: ears or shoulders of somebody else, or swapped.
        turn[np.trace(turn, axis1=1, axis2=2) < 1 + 2 * np.cos(MAX_TWIST)] = np.nan
        return turn
    turn = swing(bone.rest, unit((back @ along[..., None])[..., 0]))
    if bone.hinge is None:
        return turn
    beyond, rest = bone.hinge
    axis = np.cross(unit(along), unit(points[beyond] - points[bone.to]))
    own = (turn.swapaxes(1, 2) @ back @ axis[..., None])[
        ..., 0
    ]  # in the limb's own untwisted world
    twist = np.arctan2(np.cross(rest, own) @ bone.rest, own @ rest)
    clear = (np.linalg.norm(axis, axis=-1) > MIN_BEND_SINE) & (np.abs(twist) < MAX_TWIST)
    bent = np.flatnonzero(clear)
    if not len(bent):
        return turn
    even = np.interp(np.arange(len(twist)), bent, np.unwrap(twist[bent]))
    return turn @ about(bone.rest, even)


def _points(xyz: Doubles, skeleton: Skeleton, bones: Sequence[Bone]) -> dict[str, Doubles]:
    """All points that bones need, NaN = not known; the middle of a pair where both are."""
    nothing = np.full((len(xyz), 3), np.nan)
    points = {name: xyz[:, n] for n, name in enumerate(skeleton.keypoints)}
    for side in ("left", "right"):  # a hand is as its middle finger's palm is
        points[f"{side}_palm"] = points.get(
            f"{side}_hand_wrist", points.get(f"{side}_wrist", nothing)
        )
        if f"{side}_middle_1" in points:
            points[f"{side}_hand"] = points[f"{side}_middle_1"]
    needed = {point for bone in bones for point in (bone.at, bone.to)}
    for name in (*needed, "left_ear", "right_ear"):
        points.setdefault(name, nothing)
    middles = {"hips": "hip", "head": "ear"}
    if "neck" not in skeleton.keypoints:
        middles["neck"] = "shoulder"
    for name, pair in middles.items():
        points[name] = (points[f"left_{pair}"] + points[f"right_{pair}"]) / 2
    return points


def _complete(offsets: dict[str, Doubles], bones: Sequence[Bone]) -> None:
    """Bones that were never seen as long as they are in people of this height."""
    usual = {name: _usual(name) for name in offsets if name != "waist"}
    lengths = {name: float(np.linalg.norm(offsets[name])) for name in usual}
    body = {bone.to for bone in BONES} & {*lengths}  # fingers would be the most of all
    height = np.nanmedian([lengths[name] / usual[name] for name in body])
    rests = {bone.to: bone.rest for bone in bones}
    for name, length in lengths.items():
        if np.isnan(length):
            offsets[name] = rests[name] * usual[name] * height


def _usual(name: str) -> float:
    """The length of the bone that ends in this point, in body heights."""
    name = name.removeprefix("left_").removeprefix("right_")
    finger, _, joint = name.partition("_")
    return FINGER_LENGTHS[int(joint) - 1] if finger in FINGERS else LENGTHS_IN_HEIGHTS[name]


def _known(turns: Doubles) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(turns).all((1, 2)))


def _longest(missing: NDArray[np.bool_]) -> int:
    """The most in a row."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(int)))
    return int((ends[1::2] - ends[::2]).max(initial=0))
