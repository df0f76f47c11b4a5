"""A camera's own clock on ours."""

from __future__ import annotations

MAX_DRIFT = 5e-4  # seconds per second by which two clocks may drift apart; crystals stay well below
MAX_JUMP = 5.0  # seconds: beyond, the camera has set its clock, or was stopped


class StreamClock:
    """Maps a stream's timestamps to the moments of capture on our clock.

    A picture can be late but never early, so the least difference seen between arrival and
    timestamp is the truest; it may rise by the drift of crystals alone. What the network's jitter
    adds to single pictures is taken out thus, and no capture lies after its arrival.
    """

    def __init__(self) -> None:
        self._offset = 0.0
        self._stamp: float | None = None

    def captured(self, stamp: float | None, arrived: float) -> float:
        """Seconds on our clock, for a timestamp of the stream in seconds; arrival without one."""
        if stamp is None:
            return arrived
        offset = arrived - stamp
        passed = None if self._stamp is None else stamp - self._stamp
        self._stamp = stamp
        if passed is not None and 0 <= passed <= MAX_JUMP and offset - self._offset <= MAX_JUMP:
            offset = min(offset, self._offset + MAX_DRIFT * passed)
        self._offset = offset
        return min(stamp + offset, arrived)
