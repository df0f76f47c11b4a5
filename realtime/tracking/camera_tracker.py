"""From the poses of a camera's frames to its people: identities, calm, no more than asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engines.types.expected import Expected
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.settings.tracking import TrackSettings
from realtime.tracking.nms import NMS
from realtime.tracking.one_euro import OneEuro
from realtime.tracking.simple_baselines import SimpleBaselinesTracker
from realtime.tracking.tracker import PoseTracker, TrackerSettings
from realtime.types.frames import Frame
from realtime.types.protocols import FlowWhen, FollowingTracker
from realtime.types.results import TrackedFrame, Tracks

MakeTracker = Callable[[Skeleton, TrackerSettings], FollowingTracker]
TRACKERS: dict[str, MakeTracker] = {  # by the words of --tracker
    "ours": PoseTracker,
    "simple-baselines": lambda skeleton, wanted: SimpleBaselinesTracker(skeleton, wanted.nms),
}


class CameraTracker:
    """The people of one camera.

    max_people: how many of them to give on; those with the oldest ids. turns: whether their hands,
    faces and feet are not looked at in every frame. camera: whether its own motion must be known.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        settings: TrackSettings,
        max_people: int | None = None,
        *,
        turns: bool = False,
        camera: bool = False,
    ) -> None:
        self._skeleton = skeleton
        self._nms = settings.pose_nms or ("ours" if settings.track else "off")
        self._tracker: FollowingTracker | None = None
        if settings.track:
            wanted = TrackerSettings(nms=self._nms, turns=turns, camera=camera)
            self._tracker = TRACKERS[settings.tracker](skeleton, wanted)
        self._smoother = OneEuro() if settings.smooth == "one-euro" else None
        self._max_people = max_people

    def update(self, frame: Frame, poses: Poses | None) -> Tracks:
        """The people of the next frame; poses None = the network did not look at this one.

        Those of a TrackedFrame keep their identities, and are calm already.
        """
        if isinstance(frame, TrackedFrame) and self._tracker is not None:
            return self._limited(frame.tracks)
        if self._tracker is not None:
            tracks = self._tracker.update(frame, poses)
        else:
            seen = poses if poses is not None else Poses.nobody(self._skeleton)
            tracks = Tracks.untracked(NMS[self._nms](seen))
        return self._given(tracks, frame)

    def expect(self, frame: Frame, *, flow: FlowWhen = "never") -> Expected:
        """Where people should be in the next frame, asked before `update` or `follow` of it.

        flow: when to ask optical flow, in place of their own motion.
        """
        if self._tracker is None:
            return Expected.of(Poses.nobody(self._skeleton))
        return self._tracker.expect(frame, flow=flow)

    def follow(
        self, frame: Frame, poses: Poses, looked: NDArray[np.bool_], seen: NDArray[np.bool_]
    ) -> Tracks:
        """The people of the next frame, where those were looked for alone whom `expect` named.

        poses, in that order, and (P,) who of them was looked at, and found.
        """
        assert self._tracker is not None, "nobody is expected without ids"
        return self._given(self._tracker.follow(frame, poses, looked, seen), frame)

    def _given(self, tracks: Tracks, frame: Frame) -> Tracks:
        """No more people than wanted, and calm."""
        tracks = self._limited(tracks)
        if self._smoother is not None:
            tracks = self._smoother.smooth(tracks, frame.time)
        return tracks

    def _limited(self, tracks: Tracks) -> Tracks:
        if self._max_people is not None and len(tracks) > self._max_people:
            return tracks.some(np.arange(self._max_people))
        return tracks
