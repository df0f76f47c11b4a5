"""When the whole picture is to be looked at, while people are followed by crops of them alone."""

from __future__ import annotations

from math import inf

import numpy as np

from engines.types.oks import boxes
from engines.types.poses import Poses

FIRST_INTERVAL_S = 0.25  # from one look to the next at first,
MIN_INTERVAL_S, MAX_INTERVAL_S = 0.12, 0.4  # after one that found others, and many that did not
LOST_INTERVAL_S = 0.2  # at most, where somebody was lost
CARRIED_INTERVAL_S = 0.12  # at most, where somebody is carried by optical flow for so long
EMPTY_INTERVAL_S = 0.1  # at most, where nobody is there to be followed
UNCHANGED_FACTOR = 1.25  # of the interval, after a look that found the same people
APART_HEIGHTS = 0.2  # that people's boxes must have around them for a crop to show one person
TIME_TOLERANCE_S = 1e-4  # times of frames are rounded


class LookSchedule:
    """The looks of one camera. Frame times alone decide, so that a file gives the same each time.

    Somebody new is found within MAX_INTERVAL_S; where people come and go, sooner.
    """

    def __init__(self) -> None:
        self._last: float | None = None
        self._gap = FIRST_INTERVAL_S
        self._now = self._before = -inf  # times of this frame and the one before it

    def due(
        self,
        time: float,
        people: int,
        *,
        lost: bool = False,
        carried: bool = False,
        crowd: bool = False,
    ) -> bool:
        """Whether to look at the frame of this time.

        people: how many are followed into it. lost: whether one of them was not found; crowds hide
        each other all the time, so that too is worth a look every LOST_INTERVAL_S only. carried:
        whether optical flow alone follows somebody, for that long already. crowd: whether people
        are so close that of two frames one is to be looked at.
        """
        if time != self._now:
            self._before, self._now = self._now, time
        if self._last is None or (crowd and self._last != self._before):
            return True
        gap = self._gap
        if carried:
            gap = min(CARRIED_INTERVAL_S, gap)
        elif lost:
            gap = min(LOST_INTERVAL_S, gap)
        elif not people:
            gap = min(EMPTY_INTERVAL_S, gap)
        return not 0 <= time - self._last < gap - TIME_TOLERANCE_S

    def looked(self, time: float, *, changed: bool) -> None:
        """The picture was looked at. changed: somebody came or went."""
        self._last = time
        gap = MIN_INTERVAL_S if changed else self._gap * UNCHANGED_FACTOR
        self._gap = min(gap, MAX_INTERVAL_S)


def crowded(people: Poses) -> bool:
    """Whether two people are so close that the crop of one may show the other.

    Crops cannot tell such people apart: the network that sees the whole picture can.
    """
    if len(people) < 2:
        return False
    corners = boxes(people.xy[:, people.skeleton.body])
    margin = APART_HEIGHTS * (corners[:, 3:] - corners[:, 1:2])
    low, high = corners[:, :2] - margin, corners[:, 2:] + margin
    meet = np.asarray(((low[:, None] < high[None]) & (low[None] < high[:, None])).all(axis=-1))
    np.fill_diagonal(meet, False)
    return bool(meet.any())
