"""What tracks and reconstructs people: protocols, of which the pipeline takes any object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engines.types.expected import Expected
from engines.types.poses import Poses
from realtime.types.frames import Frame
from realtime.types.results import Poses3D, Tracks, View

FlowWhen = Literal["never", "several", "always"]


class Tracker(Protocol):
    """Gives the people of one camera identities. Used by one thread, frame after frame."""

    def update(self, frame: Frame, poses: Poses | None) -> Tracks:
        """The people of the next frame; poses None = the network did not look at this one."""
        ...


@runtime_checkable
class FollowingTracker(Tracker, Protocol):
    """A Tracker that knows beforehand where people should be, for whoever looks there alone."""

    def expect(self, frame: Frame, *, flow: FlowWhen = "never") -> Expected:
        """Where those should be in the next frame who were seen in the last.

        Asked before `update` or `follow` of this frame, once or more often; nobody where another
        scene begins. flow: when to say it as well as can be said, which costs more: never, for
        whoever looks at all of them; several, unless somebody is there alone; or always.
        """
        ...

    def follow(
        self, frame: Frame, poses: Poses, looked: NDArray[np.bool_], seen: NDArray[np.bool_]
    ) -> Tracks:
        """The people of the next frame, where nobody looked for others than those expected.

        poses: of those whom `expect` named last, in its order. looked, seen: (P,) who of them was
        looked at, and found.
        """
        ...


class Reconstructor(Protocol):
    """Gives the people that several cameras see places in 3D. Used by one thread."""

    def update(self, time: float, views: Sequence[View | None]) -> Poses3D:
        """The people at the next instant, `time` in seconds.

        views: one for each camera, None = that camera is out; the ids of their tracks belong to
        one camera alone. `detections` of the poses that are given names rows of these views.
        """
        ...
