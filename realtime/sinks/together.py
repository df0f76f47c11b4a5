"""Several sinks as one, and a sink for one camera of several."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import groupby
from types import TracebackType
from typing import Self

from realtime.runtime.signals import deferred_signals
from realtime.sinks.protocol import Idle, Informed, OfTheRun, Sink
from realtime.types.errors import OutputError, Stopped, add_loss
from realtime.types.results import Result

LOG = logging.getLogger(__name__)


class OneView:
    """A sink that gets one camera's views alone. written: what those of all cameras write."""

    def __init__(self, camera: int, sink: Sink, written: str) -> None:
        self._camera = camera
        self._sink = sink
        self.written = written

    def __enter__(self) -> Self:
        self._sink.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sink.__exit__(kind, error, trace)

    def write(self, result: Result) -> None:
        """Pass the camera's view on, unless it is out."""
        view = result.views[self._camera]
        if view is not None:
            own = result.movements[self._camera : self._camera + 1]
            self._sink.write(replace(result, views=(view,), movements=own))


class Together:
    """Several sinks as one: each is closed whatever happens to the others.

    One that cannot write any more is closed at once and left out, which the log says; its error is
    raised at the end. Where no other is left that keeps the results (needed: and nobody else
    does), it is raised now. What fails while closing after an error becomes a note of it.
    """

    def __init__(self, sinks: Sequence[Sink], *, needed: bool = True) -> None:
        self._sinks = sinks
        self._needed = needed
        self._entered: list[Sink] = []
        # Asked once: of a protocol it takes time, and it is asked for every frame.
        self._idle = {id(sink) for sink in sinks if isinstance(sink, Idle)}
        self._failed: OutputError | None = None

    def __enter__(self) -> Self:
        try:
            for sink in self._sinks:
                sink.__enter__()
                self._entered.append(sink)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        first = error
        for sink in reversed(self._entered):
            try:
                sink.__exit__(None if first is None else type(first), first, trace)
            except BaseException as later:  # noqa: BLE001 - the others still want closing
                if first is None:
                    first = later
                else:
                    add_loss(first, later)
        if first is not None and first is not error:
            raise first
        if self._failed is not None:
            if error is None or isinstance(error, Stopped):
                raise self._failed
            add_loss(error, self._failed)

    def write(self, result: Result) -> None:
        """Give the result to each; a signal waits until the files have all of it."""
        # A window in pause may keep its write for as long as it likes, so it is left open to them.
        for waits, sinks in groupby([*self._entered], lambda sink: id(sink) in self._idle):
            with nullcontext() if waits else deferred_signals():
                for sink in sinks:
                    try:
                        sink.write(result)
                    except OutputError as error:
                        self._leave_out(sink, error)

    def idle(self) -> None:
        """While no result comes."""
        for sink in self._entered:
            if id(sink) in self._idle and isinstance(sink, Idle):
                sink.idle()

    def tell_failure(self, sentence: str) -> None:
        """An output has failed, one of these or another of the run."""
        for sink in [*self._entered]:
            if isinstance(sink, Informed):
                sink.tell_failure(sentence)

    def _leave_out(self, sink: Sink, error: OutputError) -> None:
        self._entered.remove(sink)
        try:
            sink.__exit__(OutputError, error, error.__traceback__)
        except OutputError as later:
            add_loss(error, later)
        if self._needed and all(isinstance(one, OfTheRun) for one in self._entered):
            raise error
        LOG.error("%s The other outputs continue.", error)
        self.tell_failure(str(error))
        if self._failed is None:
            self._failed = error
        else:
            add_loss(self._failed, error)
