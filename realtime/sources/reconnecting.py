"""A camera that comes back: what network cameras and webcams have in common."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event, Lock
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from engines.types.arrays import Image
from engines.types.skeleton import Skeleton
from realtime.types.errors import Absent, SourceError, Unreachable
from realtime.types.frames import Frame

STALE_SECONDS = 1.0  # seconds unread after which what a connection sent is too old
RECONNECT_DELAYS = (0.1, 0.2, 0.5, 1.0)  # seconds before each new try; the last from then on
GIVE_UP_SECONDS = 60.0
LOG = logging.getLogger(__name__)


class Content(Protocol):
    """What is more than a picture, and makes a frame of itself."""

    def frame(self, camera: str, index: int, name: str, time: float, captured: float) -> Frame: ...


class Connection(Protocol):
    """One connection to a camera, from opening to loss; used by one thread at a time.

    read: waits for the next picture and gives the moment of its capture, and where it is wanted
    the picture, or what there is in its place; SourceError, a sentence without the camera's name,
    when the camera is lost. It must not wait for more than a few seconds.
    """

    name: str
    rate: float | None
    notes: Sequence[str]

    def read(self, wanted: bool) -> tuple[float, Image | Content | None]: ...
    def close(self) -> None: ...


class LiveSource:
    """The frames of a camera; when it is lost, it is connected again until it has been away for
    `give_up` seconds.

    Entering connects; where that fails it raises Absent, and iterating goes on trying. The log gets
    one warning when the camera goes and one when its first new picture is there. Frames are
    counted over all connections, and their times only increase. origin: what the clock shows where
    these are 0.
    """

    live = True
    skeleton: Skeleton | None = None
    total: int | None = None

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connection],
        chosen: range,
        *,
        give_up: float = GIVE_UP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        origin: float = 0.0,
    ) -> None:
        self.name = name
        self.called: str | None = None  # in the log, where it is not the name
        self.rate: float | None = None
        self.notes: Sequence[str] = ()
        self._connect = connect
        self._chosen = chosen
        self._give_up = give_up
        self._clock = clock
        self._origin = origin
        self._connection: Connection | None = None
        self._connected = 0.0
        self._gone: float | None = None  # since when the camera is away
        self._over = Event()
        self._busy = Lock()

    def __enter__(self) -> Self:
        try:
            self._connection = self._connect()
        except SourceError as error:
            self._gone = self._clock()
            passing = isinstance(error, Unreachable) and self._give_up > 0
            raise Absent(str(error), passing) from None
        self._connected = self._clock()
        self.name = self._connection.name
        self.rate = self._connection.rate
        self.notes = self._connection.notes
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        # A connection is never closed under a thread that waits in it, which would crash; that
        # thread closes it as soon as it comes out.
        if self._busy.acquire(blocking=False):
            self._drop()
            self._busy.release()

    def stop(self) -> None:
        """End the iteration soon; from any thread."""
        self._over.set()

    def __iter__(self) -> Iterator[Frame]:
        if self._connection is None and self._gone is None:
            raise RuntimeError("enter the source before iterating over it")
        if self._connection is not None and self._clock() - self._connected > STALE_SECONDS:
            self._drop()
        index = tries = 0
        last = -1.0  # the time of the frame before
        gone = self._gone
        back = "connected" if gone is not None else "back"
        while index <= self._chosen[-1] and not self._over.is_set():
            try:
                captured, content = self._read(index in self._chosen)
            except SourceError as error:
                if self._over.is_set():
                    return
                now = self._clock()
                if gone is None:
                    gone = now
                    if self._give_up > 0:
                        LOG.warning("%s was lost: %s Waiting for it.", self._known, error)
                left = gone + self._give_up - now
                if left <= 0:
                    raise SourceError(self._farewell(index, str(error))) from error
                self._over.wait(min(left, RECONNECT_DELAYS[min(tries, len(RECONNECT_DELAYS) - 1)]))
                tries += 1
                continue
            if gone is not None:
                LOG.warning("%s is %s after %.1f s.", self._known, back, self._clock() - gone)
                gone, tries, back = None, 0, "back"
            captured = last = max(captured, last + 1e-6)
            moment = captured - self._origin
            name = f"{self.name}_{index:012d}"
            if isinstance(content, np.ndarray):
                yield Frame(self.name, index, name, moment, captured, content)
            elif content is not None:
                yield content.frame(self.name, index, name, moment, captured)
            index += 1

    @property
    def _known(self) -> str:
        return self.called or self.name

    def _read(self, wanted: bool) -> tuple[float, Image | Content | None]:
        """The next picture, over a new connection where the old one was lost."""
        with self._busy:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                return self._connection.read(wanted)
            except SourceError:
                self._drop()
                raise
            finally:
                if self._over.is_set():
                    self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _farewell(self, frames: int, why: str) -> str:
        if frames == 0 and self._gone is not None:
            waited = f" within {self._give_up:g} s" if self._give_up > 0 else ""
            return f"{self._known} did not connect{waited}: {why}"
        count = "1 frame" if frames == 1 else f"{frames} frames"
        waited = f" and did not come back within {self._give_up:g} s" if self._give_up > 0 else ""
        return f"{self._known} was lost after {count}{waited}: {why}"
