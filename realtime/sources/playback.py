"""Files that behave like cameras: over and over (--loop), and at their own pace (--realtime)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from threading import Event
from types import TracebackType
from typing import Self

from realtime.types.frames import Frame, Source

MAX_WAIT_SECONDS = 3600.0  # seconds to wait for a frame; a time beyond is damaged, and begins anew
DEFAULT_FPS = 25.0  # from one lap to the next, where the source knows none


class Looped:
    """A file or folder that starts again at its end; numbers, names and times go on increasing.

    reopen: gives the source anew, as a file can be iterated over only once. What the source has
    to note it notes in every lap; that of the first is kept.
    """

    live = False
    total: int | None = None

    def __init__(self, reopen: Callable[[], Source]) -> None:
        self._reopen = reopen
        self._source = reopen()
        self._describe()

    def _describe(self) -> None:
        self.name = self._source.name
        self.rate = self._source.rate
        self.notes: Sequence[str] = self._source.notes
        self.skeleton = self._source.skeleton

    def __enter__(self) -> Self:
        self._source.__enter__()
        self._describe()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._source.__exit__(kind, error, trace)

    def __iter__(self) -> Iterator[Frame]:
        last: Frame | None = None
        for frame in self._source:
            last = frame
            yield frame
        while last is not None:
            end = last
            with self._reopen() as source:
                first: Frame | None = None
                for frame in source:
                    first = first or frame
                    index = end.index + 1 + frame.index - first.index
                    moment = end.time + 1 / (source.rate or DEFAULT_FPS) + frame.time - first.time
                    name = f"{frame.camera}_{index:012d}"
                    last = replace(frame, index=index, name=name, time=moment)
                    yield last
            if first is None:
                return


class Paced:
    """A file played at its own pace, as a camera would: a frame comes when its time is there.

    Its moment of capture is when it was due, so that a late one counts as old.
    """

    live = True

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._over = Event()
        self._describe()

    def _describe(self) -> None:
        self.name = self._source.name
        self.total = self._source.total
        self.rate = self._source.rate
        self.notes: Sequence[str] = self._source.notes
        self.skeleton = self._source.skeleton

    def __enter__(self) -> Self:
        self._source.__enter__()
        self._describe()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._source.__exit__(kind, error, trace)

    def stop(self) -> None:
        """End the iteration now; from any thread."""
        self._over.set()

    def __iter__(self) -> Iterator[Frame]:
        began: float | None = None
        for frame in self._source:
            now = self._clock()
            if began is None:
                began = now - frame.time
            due = began + frame.time
            if due - now > MAX_WAIT_SECONDS:
                began, due = now - frame.time, now
            if self._over.wait(max(0.0, due - now)):
                return
            yield replace(frame, captured=min(due, self._clock()))
