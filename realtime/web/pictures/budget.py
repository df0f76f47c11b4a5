"""How much of the processor pages may have, so that the run does not slow down for them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from engines.machine import cores

SHARE = 0.035  # of what the program takes, also where no core is idle: the run loses no twentieth
IDLE_SHARE = 0.5  # of what nobody uses
LOOK_S = 0.5  # seconds over which use is measured
MAX_PAUSE_S = 0.5  # however little there is
MAX_CREDIT_S = 0.1  # of a pause, saved by what came late


class Budget:
    """Paces what is done for pages. clock: monotonic seconds; used: processor seconds of the whole
    program; load: cores that all programs keep busy, as far as the system tells.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
        load: Callable[[], float] | None = None,
        count: int | None = None,
    ) -> None:
        self._clock, self._used, self._load = clock, used, load or _load
        self._cores = count or cores()
        self._since = clock(), used()
        self._own, self._idle = 0.0, 0.0  # cores that are busy with the program, and with nothing
        self._ready = clock()

    @property
    def allowed(self) -> float:
        """Cores that pages may keep busy now."""
        now, used = self._clock(), self._used()
        seconds = now - self._since[0]
        if seconds >= LOOK_S:
            self._own = (used - self._since[1]) / seconds
            self._idle = max(0.0, self._cores - max(self._own, self._load()))
            self._since = now, used
        return SHARE * self._own + IDLE_SHARE * self._idle

    def pause(self, worked: float, least: float) -> float:
        """Seconds to wait after so many processor seconds of work; least: seconds between the
        beginnings of two of them, on the average.
        """
        now = self._clock()
        allowed = self.allowed
        wait = max(least, min(worked / allowed if allowed else MAX_PAUSE_S, MAX_PAUSE_S))
        self._ready = max(self._ready, now - least - MAX_CREDIT_S) + wait
        return max(0.0, self._ready - now)


def _load() -> float:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows does not tell
        return 0.0
