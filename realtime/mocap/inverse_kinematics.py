"""A person's keypoints as the joint angles of a standard skeleton with bones of fixed length.

They are read three times, piece after piece, so that a take of hours needs no more memory than one
of minutes: for the trunk, for the lengths of bones and the twists of limbs, and for the poses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from realtime.mocap.bones import LEFT, Bone, bones_of, complete_lengths
from realtime.mocap.rotations import about, cross, frames, last_known, swing, unit

Pieces = Callable[[], Iterable[Doubles]]
MIN_BEND_SINE = np.sin(np.radians(15))  # of a knee or an elbow that shows how its limb is turned
MAX_TWIST = np.radians(120)  # bounds how far joints turn: more is a keypoint astray
WAIST_HEIGHT = 0.1  # in trunks above the hips, where the spine begins
MAX_LENGTHS = 1 << 16  # of a bone that its median is taken of: each of 36 minutes at 30 fps


@dataclass(frozen=True, slots=True, eq=False)
class Build:
    """What holds for a person in all frames.

    bones: the root first, each after its parent. offsets: of every point from the joint on which it
    hangs, metres. root, turn: (3,) and (3, 3), the hips when they are first known. twists: frames
    in which a limb shows how it is turned about itself, and by how many radians.
    """

    bones: tuple[Bone, ...]
    offsets: dict[str, Doubles]
    root: Doubles
    turn: Doubles
    twists: dict[str, tuple[NDArray[np.int64], Doubles]]


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """root: (T, 3) metres. turns: (T, 3, 3) of each joint against its parent."""

    root: Doubles
    turns: dict[str, Doubles]


def build_of(pieces: Pieces, skeleton: Skeleton) -> Build | None:
    """Of keypoints (T, K, 3) in metres, y up; None where hips and trunk are never seen.

    pieces: gives all frames, as often as it is called. Bones are as long as they are in the median.
    How a limb is turned about itself comes from its knee or elbow where that is bent.
    """
    bones = bones_of(skeleton)
    trunk, wide, start = _Lengths(), _Lengths(), None
    for xyz in pieces():
        points = _points(xyz, skeleton, bones)
        line, up, world = hips_of(points)
        trunk.add(up)
        wide.add(line)
        known = _known(world)
        if start is None and known.any():
            first = known.argmax()
            start = points["hips"][first], world[first]
    if start is None:
        return None
    half = wide.median / 2
    waist = np.array([0, WAIST_HEIGHT * trunk.median, 0])
    offsets = {"waist": waist, "left_hip": half * LEFT, "right_hip": -half * LEFT}
    build = Build(bones, offsets, *start, {})
    lengths: defaultdict[str, _Lengths] = defaultdict(_Lengths)
    twists: dict[str, list[tuple[NDArray[np.int64], Doubles]]] = {}
    above = {bone.parent for bone in bones if bone.hinge}
    for bone in reversed(bones):
        if bone.name in above:
            above.add(bone.parent)
    posing = Posing(build, skeleton, [bone for bone in bones if bone.name in above])
    done = 0
    for xyz in pieces():
        points, worlds = posing.worlds(xyz)
        for bone in bones[1:]:
            along = points[bone.to] - points[bone.at]
            lengths[bone.to].add(along)
            if bone.hinge:
                back = worlds[bone.parent].swapaxes(1, 2)
                bent, twist = twist_of(bone, along, points, back)
                twists.setdefault(bone.name, []).append((bent + done, twist))
        done += len(xyz)
    offsets |= {point: _rest(bones, point) * one.median for point, one in lengths.items()}
    complete_lengths(offsets, bones)
    offsets |= {f"{side}_palm": np.zeros(3) for side in ("left", "right")}
    for name, found in twists.items():
        bent, twist = map(np.concatenate, zip(*found, strict=True))
        if len(bent):
            build.twists[name] = bent, np.unwrap(twist)
    return build


def _rest(bones: Sequence[Bone], point: str) -> Doubles:
    return next(bone.rest for bone in bones if bone.to == point)


class Posing:
    """The poses of a person, piece after piece.

    A joint whose points are not known is held as it was last; before it is first known, as it is
    then, or where that is in a later piece, at rest. longest: the most frames in a row in which
    each that was ever seen was held. some: the joints that are wanted, with all above them.
    """

    def __init__(self, build: Build, skeleton: Skeleton, some: Sequence[Bone] = ()) -> None:
        self.build = build
        self._skeleton = skeleton
        self._some = some or build.bones
        self._last = {"root": build.root, "Hips": build.turn}
        self._seen: set[str] = set()
        self._held: defaultdict[str, int] = defaultdict(int)  # frames until now
        self._longest: defaultdict[str, int] = defaultdict(int)
        self._done = 0  # frames

    @property
    def longest(self) -> dict[str, int]:
        return {name: self._longest[name] for name in self._longest if name in self._seen}

    def pose(self, xyz: Doubles) -> Pose:
        """Of the next frames (T, K, 3)."""
        root, turns, _, _ = self._next(xyz)
        return Pose(root, turns)

    def worlds(self, xyz: Doubles) -> tuple[dict[str, Doubles], dict[str, Doubles]]:
        """All points (T, 3) of the next frames, and (T, 3, 3) how joints are turned there."""
        _, _, points, worlds = self._next(xyz)
        return points, worlds

    def _next(
        self, xyz: Doubles
    ) -> tuple[Doubles, dict[str, Doubles], dict[str, Doubles], dict[str, Doubles]]:
        points = _points(xyz, self._skeleton, self.build.bones)
        _, _, world = hips_of(points)
        known = _known(world)
        root = self._hold("root", points["hips"], known)
        turns = {"Hips": self._hold("Hips", world, known)}
        self._count("Hips", known)
        points["waist"] = root + turns["Hips"] @ self.build.offsets["waist"]
        worlds = dict(turns)
        for bone in self._some[1:]:
            turn = self.turn(bone, points, worlds[bone.parent])
            known = _known(turn)
            self._count(bone.name, known)
            turns[bone.name] = self._hold(bone.name, turn, known)
            worlds[bone.name] = worlds[bone.parent] @ turns[bone.name]
        self._done += len(xyz)
        return root, turns, points, worlds

    def turn(self, bone: Bone, points: dict[str, Doubles], parent: Doubles) -> Doubles:
        """(T, 3, 3) against its parent; NaN where points are not known."""
        back = parent.swapaxes(1, 2)
        along = points[bone.to] - points[bone.at]
        if bone.line:
            line = points[f"left_{bone.line}"] - points[f"right_{bone.line}"]
            turn = back @ frames(along, line, "YX" if bone.rest[1] else "ZX")
            # Nobody looks or bends so far back: ears or shoulders of somebody else, or swapped.
            turn[np.trace(turn, axis1=1, axis2=2) < 1 + 2 * np.cos(MAX_TWIST)] = np.nan
            return turn
        turn = _swing(bone, along, back)
        if bone.name not in self.build.twists:
            return turn
        bent, twist = self.build.twists[bone.name]
        even = np.interp(np.arange(self._done, self._done + len(turn)), bent, twist)
        return turn @ about(bone.rest, even)

    def _hold(self, name: str, values: Doubles, known: NDArray[np.bool_]) -> Doubles:
        """(T, ...): what is not known as it was last."""
        last = self._last.get(name)
        if known.any():
            self._last[name] = values[np.flatnonzero(known)[-1]]
        elif last is None:
            return np.broadcast_to(np.eye(3), values.shape)
        return last_known(values, known, last)

    def _count(self, name: str, known: NDArray[np.bool_]) -> None:
        """Frames in a row that are not known, those of earlier pieces with them."""
        ends = np.flatnonzero(np.concatenate([[True], known, [True]]))
        missing = np.diff(ends) - 1
        missing[0] += self._held[name]
        self._held[name] = int(missing[-1])
        self._longest[name] = max(self._longest[name], int(missing.max()))
        if known.any():
            self._seen.add(name)


class _Lengths:
    """Lengths of a bone, evenly chosen of all that are known, for their median."""

    def __init__(self) -> None:
        self._found: Doubles = np.zeros(0)
        self._step = 1

    def add(self, along: Doubles) -> None:
        """Vectors (T, 3), NaN = not known."""
        lengths = np.linalg.norm(along, axis=-1)
        known = lengths[np.isfinite(lengths)][:: self._step]
        self._found = np.concatenate([self._found, known])
        if len(self._found) > MAX_LENGTHS:
            self._found = self._found[::2]
            self._step *= 2

    @property
    def median(self) -> float:
        return float(np.median(self._found)) if len(self._found) else np.nan


def seen_points(xyz: Doubles, skeleton: Skeleton) -> dict[str, Doubles]:
    """Where the points between which bones lie were seen, (T, 3) metres of each, NaN = not."""
    return _points(xyz, skeleton, bones_of(skeleton))


def hips_of(points: Mapping[str, Doubles]) -> tuple[Doubles, Doubles, Doubles]:
    """(T, 3) from the right to the left one, and to the neck; (T, 3, 3) how they are turned."""
    line = points["left_hip"] - points["right_hip"]
    up = points["neck"] - points["hips"]
    return line, up, frames(line, up, "XY")


def _swing(bone: Bone, along: Doubles, back: Doubles) -> Doubles:
    """(T, 3, 3) without any twist. back: from the world into its parent's."""
    return swing(bone.rest, unit((back @ along[..., None])[..., 0]))


def twist_of(
    bone: Bone, along: Doubles, points: Mapping[str, Doubles], back: Doubles
) -> tuple[NDArray[np.int64], Doubles]:
    """The frames in which the joint beyond is bent clearly, and radians about the limb."""
    assert bone.hinge is not None
    beyond, rest = bone.hinge
    axis = cross(unit(along), unit(points[beyond] - points[bone.to]))
    turn = _swing(bone, along, back)
    # In the limb's own untwisted world.
    own = (turn.swapaxes(1, 2) @ back @ axis[..., None])[..., 0]
    twist = np.arctan2(cross(rest, own) @ bone.rest, own @ rest)
    clear = (np.linalg.norm(axis, axis=-1) > MIN_BEND_SINE) & (np.abs(twist) < MAX_TWIST)
    bent = np.flatnonzero(clear)
    return bent, twist[bent]


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


def _known(turns: Doubles) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(turns).all((1, 2)))
