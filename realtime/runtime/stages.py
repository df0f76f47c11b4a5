"""The threads of a run: started together, ended together, the first error kept."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self

from realtime.runtime.channel import Aborted, Channel

# A camera that hangs inside its driver cannot be interrupted: its thread is left behind.
JOIN_SECONDS = 5.0


class Stages:
    """Runs each stage on a thread of its own; leaving the `with` ends and joins them all.

    An error in a stage aborts the channels, so that everybody stops, and is raised from the
    `with` with a note that names the stage.
    """

    def __init__(self, *channels: Channel[Any]) -> None:
        self._channels = channels
        self._threads: list[Thread] = []
        self._error: BaseException | None = None
        self._lock = Lock()

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run `work` on a thread."""
        thread = Thread(target=self._run, args=(name, work), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def keep(self, name: str, error: BaseException) -> None:
        """Keep an error for the end without breaking off: what was in flight still comes out."""
        with self._lock:
            if self._error is None:
                error.add_note(f"in stage {name}")
                self._error = error

    def abort(self) -> None:
        """Break off everywhere."""
        for channel in self._channels:
            channel.abort()

    def _run(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Aborted:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again in main
            self.keep(name, error)
            self.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is not None:
            self.abort()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
        if self._error is not None and (error is None or isinstance(error, Aborted)):
            raise self._error
        return isinstance(error, Aborted)
