"""The joints of a person in BVH and glTF files and of avatars, and how long bones are that nobody
has seen.

At rest a person stands upright and looks along z, y up, the arms out to the sides, as VRM and Unity
have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from realtime.mocap.rotations import unit

LEFT, UP, AHEAD = np.eye(3)
TOE = unit(np.array([0, -0.4, 1.0]))
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

    at, to: points between which it lies. rest: its direction at rest. line: points from right to
    left that say how it is turned. hinge: the point beyond its end, and the axis at rest about
    which that bends.
    """

    name: str
    parent: str
    at: str
    to: str
    rest: Doubles
    line: str = ""
    hinge: tuple[str, Doubles] | None = None


def _side(side: str, sign: int) -> tuple[Bone, ...]:
    name, out = side.capitalize(), sign * LEFT
    return (
        Bone(f"{name}Shoulder", "Spine", "neck", f"{side}_shoulder", out),
        Bone(
            *(f"{name}Arm", f"{name}Shoulder", f"{side}_shoulder", f"{side}_elbow", out),
            hinge=(f"{side}_wrist", -sign * UP),
        ),
        Bone(f"{name}ForeArm", f"{name}Arm", f"{side}_elbow", f"{side}_wrist", out),
        Bone(f"{name}Hand", f"{name}ForeArm", f"{side}_wrist", f"{side}_hand", out),
        Bone(
            *(f"{name}UpLeg", "Hips", f"{side}_hip", f"{side}_knee", -UP),
            hinge=(f"{side}_ankle", LEFT),
        ),
        Bone(f"{name}Leg", f"{name}UpLeg", f"{side}_knee", f"{side}_ankle", -UP),
        Bone(f"{name}Foot", f"{name}Leg", f"{side}_ankle", f"{side}_big_toe", TOE),
    )


ROOT = Bone("Hips", "", "hips", "", UP, line="hip")
BONES = (
    ROOT,
    Bone("Spine", "Hips", "waist", "neck", UP, line="shoulder"),
    Bone("Neck", "Spine", "neck", "head", UP),
    Bone("Head", "Neck", "head", "nose", AHEAD, line="ear"),
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
            yield Bone(own, parent, at, to, rest)
            parent = own


@cache
def bones_of(skeleton: Skeleton) -> tuple[Bone, ...]:
    """Those of the body, and of hands that the skeleton has."""
    sides = [
        (side, sign)
        for side, sign in (("left", 1), ("right", -1))
        if f"{side}_pinky_4" in skeleton.keypoints
    ]
    return (*BONES, *(bone for one in sides for bone in _fingers(*one)))


def complete_lengths(offsets: dict[str, Doubles], bones: Sequence[Bone]) -> None:
    """Bones that were never seen as long as they are in people of this height."""
    if not any(np.isnan(offset[0]) for offset in offsets.values()):
        return
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
