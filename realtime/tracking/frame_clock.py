"""A tracker's own seconds: those of the frames, but they never stand or run back."""

from __future__ import annotations

from math import inf

DEFAULT_STEP_S = 1 / 30  # between frames until the first step is known
MAX_STEP_S = 1.0  # between frames that still counts as the usual step


class FrameClock:
    """now: seconds since the first frame. step: what usually lies between two frames."""

    def __init__(self) -> None:
        self.now = 0.0
        self.step = DEFAULT_STEP_S
        self._time: float | None = None

    def tick(self, time: float) -> float:
        """Seconds since the frame before; as usual where the frame's time stands or jumps back."""
        if self._time is None:
            self._time = time
            return 0.0
        seconds = time - self._time
        self._time = time
        if not 0 < seconds < inf:
            seconds = self.step
        elif seconds < MAX_STEP_S:
            self.step = seconds
        self.now += seconds
        return seconds
