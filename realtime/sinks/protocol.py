"""What an output is."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from realtime.types.results import Result


class Sink(Protocol):
    """Takes results, in order, on the main thread. Leaving the `with` finishes what it writes.

    OutputError says what went wrong; what was written until then stays readable.
    """

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def write(self, result: Result) -> None: ...


@runtime_checkable
class Idle(Protocol):
    """A sink that also has something to do while no result comes."""

    def idle(self) -> None: ...


@runtime_checkable
class Writing(Protocol):
    """A sink that writes files. written: where to, as the run's summary says it."""

    @property
    def written(self) -> str: ...


@runtime_checkable
class Informed(Protocol):
    """A sink that tells others how the run goes: also of outputs that failed, a sentence each.

    It is called from any thread.
    """

    def tell_failure(self, sentence: str) -> None: ...


@runtime_checkable
class OfTheRun(Protocol):
    """A sink that only tells how the run goes: alone it is no reason to go on."""

    of_the_run: bool
