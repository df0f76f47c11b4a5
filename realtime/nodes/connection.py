"""A connection to one camera of a node."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition

import numpy as np

from engines.types.arrays import Image
from engines.types.skeleton import Skeleton
from realtime.nodes.clock_offset import ClockOffset
from realtime.nodes.key import Envelope
from realtime.nodes.questions import (
    ALIVE,
    CLOCK,
    About,
    frames_topic,
    nonce,
    read_clock,
    topic,
)
from realtime.nodes.session import Session
from realtime.nodes.wire import Message, decode
from realtime.types.errors import SourceError, Unreachable
from realtime.types.frames import Frame
from realtime.types.results import TrackedFrame

FREEZE_SECONDS = 2.0  # without people, also without an empty frame, after which a camera is lost
EXCHANGE_SECONDS = 1.0  # between two comparisons of the clocks
MAX_WAITING = 8  # frames that nobody has read yet; the oldest are dropped
LOG = logging.getLogger(__name__)
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, eq=False)
class NodePeople:
    """The people of a frame upon a black picture."""

    message: Message
    image: Image

    def frame(self, camera: str, index: int, name: str, time: float, captured: float) -> Frame:
        tracks = self.message.tracks
        return TrackedFrame(
            camera,
            index,
            name,
            time,
            captured,
            self.image,
            tracks.poses,
            id=tracks.id,
            filled=tracks.filled,
            speed=tracks.speed,
        )


class NodeConnection:
    """The frames of one run of a node, from one camera.

    A frame comes after all that came before it, so that none can be played to us again.
    """

    name: str
    notes: Sequence[str] = ()

    def __init__(
        self,
        session: Session,
        about: About,
        camera: str,
        skeleton: Skeleton,
        envelope: Envelope,
        offset: ClockOffset,
        clock: Clock,
    ) -> None:
        self.name = camera
        self.rate = about.rates[camera]
        self._session = session
        self._about = about
        self._skeleton = skeleton
        self._envelope = envelope
        self._offset = offset
        self._clock = clock
        self._topic = frames_topic(about.node, camera)
        self._frames: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._changed = Condition()
        self._gone = self._namesake = False
        self._number = -1
        self._next_exchange = 0.0
        self._first_id = 0
        self._saw: Callable[[int], None] = lambda _: None
        self._black: Image = np.zeros((0, 0, 3), np.uint8)
        session.watch(topic(about.node, ALIVE), self._leave)
        session.subscribe(self._topic, self._take)

    def number_from(self, first: int, saw: Callable[[int], None]) -> None:
        """Count identities from `first` on. saw: told each that is given on."""
        self._first_id, self._saw = first, saw

    def align(self, exchanges: int) -> None:
        """Compare the clocks so often; Unreachable where that never works."""
        for _ in range(exchanges):
            question, asked = nonce(), self._clock()
            for at, text in self._session.ask(*self._clock_question(question)):
                if at is not None:
                    self._compare(question, asked, text)
        try:
            self._offset.best(self._clock())
        except ValueError:
            raise Unreachable("it does not tell its time.") from None
        self._next_exchange = time.monotonic() + EXCHANGE_SECONDS

    def read(self, wanted: bool) -> tuple[float, NodePeople | None]:
        deadline = time.monotonic() + FREEZE_SECONDS
        while True:
            message = self._message(self._next(deadline))
            if message is not None:
                break
        if time.monotonic() >= self._next_exchange:
            self._next_exchange = time.monotonic() + EXCHANGE_SECONDS
            question, asked = nonce(), self._clock()
            self._session.ask_later(
                *self._clock_question(question),
                lambda text: self._compare(question, asked, text),
            )
        now = self._clock()
        captured = min(self._offset.ours(message.captured, now), now)
        if not wanted:
            return captured, None
        wide, high = message.size
        if self._black.shape[:2] != (high, wide):
            self._black = np.zeros((high, wide, 3), np.uint8)
        ids = message.tracks.id
        ids[ids >= 0] += self._first_id
        self._saw(int(ids.max(initial=-1)))
        return captured, NodePeople(message, self._black)

    def close(self) -> None:
        self._session.close()

    def _next(self, deadline: float) -> bytes:
        with self._changed:
            while not self._frames:
                left = deadline - time.monotonic()
                if self._gone:
                    raise SourceError("the node has ended, or cannot be reached.")
                if left <= 0:
                    raise SourceError(f"nothing came for {FREEZE_SECONDS:g} s.")
                self._changed.wait(left)
            return self._frames.popleft()

    def _message(self, data: bytes) -> Message | None:
        """A frame of this run of the node; None where it is anything else."""
        try:
            message = decode(self._envelope.open(self._topic, data), self._skeleton)
        except ValueError:  # of a namesake with another key, version or skeleton
            message = None
        if message is None or message.session != self._about.session:
            if not self._namesake:
                self._namesake = True
                LOG.warning(
                    "Another node is called %s too, and is left out; give it a name of its own "
                    "with --node NAME.",
                    self._about.node,
                )
            return None
        if message.number <= self._number:
            return None
        self._number = message.number
        return message

    def _clock_question(self, question: bytes) -> tuple[str, bytes]:
        return topic(self._about.node, CLOCK), self._envelope.seal(CLOCK, question)

    def _compare(self, question: bytes, asked: float, text: bytes) -> None:
        answered = self._clock()
        at = topic(self._about.node, CLOCK)
        try:
            answer = self._envelope.open(at, text)
            exchange = read_clock(answer, question, self._about.session, asked, answered)
        except ValueError:  # a namesake's
            return
        self._offset.add(exchange)

    def _take(self, data: bytes) -> None:
        with self._changed:
            self._frames.append(data)
            self._changed.notify()

    def _leave(self) -> None:
        with self._changed:
            self._gone = True
            self._changed.notify()
