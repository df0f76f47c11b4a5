"""A run as a service: ready with its first result, alive as long as results come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self

from realtime.runtime.service import ServiceManager
from realtime.types.results import Result


class ServiceSink:
    """Feeds systemd's watchdog with results alone: a stage that is stuck, whichever, ends them, and
    the service is started anew.
    """

    of_the_run = True

    def __init__(
        self, manager: ServiceManager, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._manager = manager
        self._clock = clock
        self._fed: float | None = None

    def __enter__(self) -> Self:
        self._manager.tell("STATUS=Waiting for the first frame.")
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.tell("STOPPING=1", "STATUS=Finishing the outputs.")

    def write(self, _: Result) -> None:
        """A sign of life, now and then."""
        now = self._clock()
        if self._fed is None:
            self._manager.tell("READY=1", "WATCHDOG=1", "STATUS=Results come.")
        elif self._manager.interval is None or now - self._fed < self._manager.interval:
            return
        else:
            self._manager.tell("WATCHDOG=1")
        self._fed = now

    def tell_failure(self, sentence: str) -> None:
        """An output has failed: `systemctl status` shows it."""
        self._manager.tell(f"STATUS={sentence}")
