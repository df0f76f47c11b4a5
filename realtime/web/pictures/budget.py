"""How much of the processor pages may have, so that the run does not slow down for them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from engines.machine import cores

SHARE = 0.035  # of what the program takes, also where no core is idle: the run loses no twentieth
IDLE_SHARE = 0.5  # of what nobody uses
LOOK_S = 0.5  # seconds over which use is measured
MAX_PAUSE_S = 0.5  # however little there is
MAX_CREDIT_S = 0.1  # of a pause, saved by what came late


class Budget:
    """Paces what is done for pages. clock: monotonic seconds; used: processor seconds of the whole
    program; load: cores that all programs kept busy since it was asked last.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
        load: Callable[[], float] | None = None,
        count: int | None = None,
    ) -> None:
        self._clock, self._used, self._load = clock, used, load or BusyCores()
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


class BusyCores:
    """How many cores all programs kept busy since it was asked last, as far as the system tells.

    file: Linux's, of what its cores spent their time with (proc_stat(5)). The average load, which
    other systems have too, forgets what is over only after a minute.
    """

    def __init__(self, file: Path = Path("/proc/stat")) -> None:
        self._file = file
        self._last = self._ticks()

    def __call__(self) -> float:
        before, self._last = self._last, self._ticks()
        if before is None or self._last is None:
            return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        busy, every = (now - then for now, then in zip(self._last, before, strict=True))
        return (os.cpu_count() or 1) * busy / every if every > 0 else 0.0

    def _ticks(self) -> tuple[int, int] | None:
        """Of all cores together, busy and in all; None where the system does not tell."""
        try:
            words = self._file.read_text().split(maxsplit=9)[1:9]
            user, nice, system, idle, waiting, *interrupts = map(int, words)
        except (OSError, ValueError):
            return None
        busy = user + nice + system + sum(interrupts)
        return busy, busy + idle + waiting
