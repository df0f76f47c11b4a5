"""When the whole picture is to be looked at, while people are followed by crops of them alone."""

from __future__ import annotations

START = 0.25  # seconds from one look to the next at first,
SOONEST, LATEST = 0.2, 0.4  # and at least and at most, as looks find somebody new or nobody
LOST = 0.2  # and where somebody was lost
NOBODY = 0.1  # and where nobody is there to be followed
LONGER, SHORTER = 1.25, 0.5  # what a look that changes nothing, or something, makes of it
SLACK = 1e-4  # seconds: times of frames are rounded


class LookSchedule:
    """The looks of one camera. Frame times alone decide, so that a file gives the same each time.

    Somebody new is found within LATEST seconds; where people come and go, sooner.
    """

    def __init__(self) -> None:
        self._last: float | None = None
        self._gap = START

    def due(self, time: float, people: int, *, lost: bool = False) -> bool:
        """Whether to look at the frame of this time.

        people: how many are followed into it. lost: whether one of them was not found; crowds hide
        each other all the time, so that too is worth a look every LOST seconds only.
        """
        if self._last is None:
            return True
        gap = min(LOST, self._gap) if lost else self._gap if people else min(NOBODY, self._gap)
        return not 0 <= time - self._last < gap - SLACK

    def looked(self, time: float, *, changed: bool) -> None:
        """The picture was looked at. changed: somebody came or went."""
        self._last = time
        self._gap = min(max(self._gap * (SHORTER if changed else LONGER), SOONEST), LATEST)
