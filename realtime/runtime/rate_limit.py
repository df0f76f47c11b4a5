"""At most so many frames a second: --max-fps."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event


class RateLimit:
    """Says which frames to take. Of files all are, and the reader waits; of cameras those that come
    too early are left out.

    fps: over a time, not between two frames: of a camera at 30 fps and a limit of 20 two of three
    frames are taken. clock, wait: of the seconds given; the latter says whether to stop.
    """

    def __init__(
        self,
        fps: float,
        *,
        live: bool,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._seconds = 1 / fps
        self._live = live
        self._clock = clock
        self._over = Event()
        self._wait = wait or self._over.wait
        self._due: float | None = None

    def admits(self) -> bool:
        """Whether to take a frame that is there now, after the wait that it may need."""
        now = self._clock()
        due = now if self._due is None else self._due
        if now < due:
            if self._live or self._wait(due - now):
                return False
            now = due
        # Who came late has no right to come early then, beyond one frame.
        self._due = max(due, now - self._seconds) + self._seconds
        return True

    def stop(self) -> None:
        """End a wait; from any thread."""
        self._over.set()
