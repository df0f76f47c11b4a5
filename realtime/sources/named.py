"""A source under another name, where two would have the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from realtime.frames import Frame, Source, Stoppable


class Named:
    """The same frames, from a camera of the given name."""

    def __init__(self, source: Source, name: str) -> None:
        self.name = name
        self._source = source

    @property
    def live(self) -> bool:
        return self._source.live

    @property
    def total(self) -> int | None:
        return self._source.total

    @property
    def rate(self) -> float | None:
        return self._source.rate

    @property
    def notes(self) -> Sequence[str]:
        return self._source.notes

    def __enter__(self) -> Self:
        self._source.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._source.__exit__(kind, error, trace)

    def stop(self) -> None:
        """End the iteration soon, where the source can be told to."""
        if isinstance(self._source, Stoppable):
            self._source.stop()

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._source:
            yield replace(frame, camera=self.name)
