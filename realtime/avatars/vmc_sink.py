"""People in 3D as avatars, live, in programs that receive Virtual Motion Capture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from calibration.geometry.camera import Rig
from calibration.plots.viewpoint import upwards
from engines.types.skeleton import Skeleton
from realtime.avatars.live_pose import LivePose
from realtime.avatars.vmc_protocol import check_osc, vmc_datagrams
from realtime.mocap.up_axis import turned_up
from realtime.types.results import Result
from realtime.writing.datagrams import Datagrams

MAX_AWAY_S = 1.0  # for which an avatar waits for its person; then it is the next one's


@dataclass(slots=True)
class Avatar:
    """A person whom an avatar follows, and when they were there last."""

    id: int
    pose: LivePose
    last: float


class VmcSink:
    """Sends each frame's pose of a person to HOST:PORT, of a second person to the port after it...

    Those with the oldest ids are chosen; who is away for a second gives their avatar to another.
    people: how many avatars there are. OutputError without python-osc, or for a wrong address.
    """

    def __init__(self, address: str, skeleton: Skeleton, rig: Rig, people: int = 1) -> None:
        check_osc()
        self._skeleton = skeleton
        self._turn = turned_up(upwards(rig), 1)
        self._out = Datagrams("--vmc", address)
        self._avatars: list[Avatar | None] = [None] * people

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()

    def write(self, result: Result) -> None:
        """The poses of an instant."""
        poses = result.poses3d
        if poses is None:
            return
        there = {int(poses.id[n]): n for n in np.argsort(poses.id, kind="stable")}
        self._choose(there, result.time)
        for n, avatar in enumerate(self._avatars):
            if avatar is None or avatar.id not in there:
                continue
            avatar.last = result.time
            live = avatar.pose
            pose = live.update(poses.xyz[there[avatar.id]] @ self._turn.T)
            if pose is not None:
                for data in vmc_datagrams(pose, live.bones, live.offsets, result.time):
                    self._out.send(data, n)

    def _choose(self, there: dict[int, int], now: float) -> None:
        """Free avatars follow people whom none follows, oldest first."""
        for n, avatar in enumerate(self._avatars):
            if avatar is not None and avatar.id not in there and now - avatar.last > MAX_AWAY_S:
                self._avatars[n] = None
        followed = {avatar.id for avatar in self._avatars if avatar is not None}
        waiting = iter([one for one in there if one >= 0 and one not in followed])
        for n, avatar in enumerate(self._avatars):
            if avatar is None and (one := next(waiting, None)) is not None:
                self._avatars[n] = Avatar(one, LivePose(self._skeleton), now)
