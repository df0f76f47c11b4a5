"""A person's pose frame by frame, as the frames come."""

from __future__ import annotations

from collections import defaultdict, deque

import numpy as np

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from realtime.mocap.bones import LEFT, Bone, bones_of, complete_lengths
from realtime.mocap.inverse_kinematics import (
    WAIST_HEIGHT,
    Build,
    Pose,
    Posing,
    hips_of,
    seen_points,
    twist_of,
)

MAX_LENGTHS = 300  # of a bone, whose median is its length so far: 10 s at 30 fps
SETTLING = 10  # sightings in each of which a median is new; after them in every tenth


class LivePose:
    """One person's pose by what is known until now: bones are as long as in the median of the last
    seconds, and a limb that is straight is turned about itself as it was when it was bent last.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton, self._bones = skeleton, bones_of(skeleton)
        self._lengths: defaultdict[str, _Recent] = defaultdict(_Recent)
        self._posing: _LatestTwist | None = None
        self.offsets: dict[str, Doubles] = {}

    def update(self, xyz: Doubles) -> Pose | None:
        """The newest frame, (K, 3) in metres, y up, NaN = not known, as a Pose of one moment; None
        as long as hips and trunk were never seen together.

        offsets are then those of all points from the joint on which each hangs, metres.
        """
        frame = np.asarray(xyz, np.float64)[None]
        points = seen_points(frame, self._skeleton)
        line, up, world = hips_of(points)
        trunk, half = self._length("trunk", up), self._length("hips", line) / 2
        offsets = {
            "waist": np.array([0, WAIST_HEIGHT * trunk, 0]),
            "left_hip": half * LEFT,
            "right_hip": -half * LEFT,
        }
        if self._posing is None:
            if not np.isfinite(world).all():
                return None
            build = Build(self._bones, offsets, points["hips"][0], world[0], {})
            self._posing = _LatestTwist(build, self._skeleton)
        self._posing.build.offsets.update(offsets)
        pose = self._posing.pose(frame)
        points["waist"] = pose.root + pose.turns["Hips"] @ offsets["waist"]
        for bone in self._bones[1:]:
            length = self._length(bone.to, points[bone.to] - points[bone.at])
            offsets[bone.to] = bone.rest * length
        complete_lengths(offsets, self._bones)
        self.offsets = offsets | {f"{side}_palm": np.zeros(3) for side in ("left", "right")}
        return pose

    @property
    def bones(self) -> tuple[Bone, ...]:
        return self._bones

    def _length(self, name: str, along: Doubles) -> float:
        return self._lengths[name].add(float(np.sqrt((along[0] * along[0]).sum())))


class _Recent:
    """The last lengths of a bone, and their median."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=MAX_LENGTHS)
        self._count = 0
        self._median = np.nan

    def add(self, length: float) -> float:
        """The median with this one, NaN = not known."""
        if length == length:
            self._last.append(length)
            self._count += 1
            if self._count <= SETTLING or self._count % SETTLING == 0:
                self._median = float(np.median(self._last))
        return self._median


class _LatestTwist(Posing):
    """Limbs are turned about themselves as in the newest frame in which they were bent."""

    def turn(self, bone: Bone, points: dict[str, Doubles], parent: Doubles) -> Doubles:
        if bone.hinge:
            along = points[bone.to] - points[bone.at]
            bent, twist = twist_of(bone, along, points, parent.swapaxes(1, 2))
            if len(bent):
                self.build.twists[bone.name] = bent, twist
        return super().turn(bone, points, parent)
