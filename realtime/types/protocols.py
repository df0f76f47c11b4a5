"""What follows people over time: two seams that the pipeline takes any object for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engines.types.poses import Poses
from realtime.types.frames import Frame
from realtime.types.results import Poses3D, Tracks, View


class Tracker(Protocol):
    """Gives the people of one camera identities. Used by one thread, frame after frame."""

    def update(self, frame: Frame, poses: Poses | None) -> Tracks:
        """The people of the next frame; poses None = the network did not look at this one."""
        ...


class Reconstructor(Protocol):
    """Gives the people that several cameras see places in 3D. Used by one thread."""

    def update(self, time: float, views: Sequence[View | None]) -> Poses3D:
        """The people at the next instant, `time` in seconds.

        views: one for each camera, None = that camera is out; the ids of their tracks belong to
        one camera alone. `detections` of the poses that are given names rows of these views.
        """
        ...
