"""A source whose frames are changed on their way: turned, or under another name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from engines.types.skeleton import Skeleton
from realtime.types.frames import Clocked, Frame, Source, Stoppable


class MappedSource:
    """The frames of a source, each passed through `change`; all else is the source's own.

    name: in place of the source's.
    """

    def __init__(
        self, source: Source, change: Callable[[Frame], Frame], name: str | None = None
    ) -> None:
        self.source = source
        self._change = change
        self._name = name

    @property
    def name(self) -> str:
        return self._name or self.source.name

    @property
    def live(self) -> bool:
        return self.source.live

    @property
    def total(self) -> int | None:
        return self.source.total

    @property
    def rate(self) -> float | None:
        return self.source.rate

    @property
    def notes(self) -> Sequence[str]:
        return self.source.notes

    @property
    def skeleton(self) -> Skeleton | None:
        return self.source.skeleton

    def __enter__(self) -> Self:
        self.source.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.source.__exit__(kind, error, trace)

    def stop(self) -> None:
        """End the iteration soon, where the source can be told to."""
        if isinstance(self.source, Stoppable):
            self.source.stop()

    def clock_report(self) -> dict[str, float] | None:
        """The source's, where it has one."""
        return self.source.clock_report() if isinstance(self.source, Clocked) else None

    def __iter__(self) -> Iterator[Frame]:
        return map(self._change, self.source)
