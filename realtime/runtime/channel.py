"""The hand-over of frames between two threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")

# A wait without end cannot be interrupted by Ctrl-C on Windows.
WAIT_SECONDS = 0.5
IDLE_SECONDS = 0.03  # seconds of waiting after which a reader may do something else


class Aborted(Exception):
    """The run was broken off while a stage waited at a channel."""


class Channel(Generic[T]):
    """A bounded first-in-first-out hand-over with an end.

    When full, `put` waits, or with drop_oldest throws the oldest item away. `close` ends it after
    what it holds; `abort` ends it now, for both sides.
    """

    def __init__(self, capacity: int = 1, *, drop_oldest: bool = False) -> None:
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._drop_oldest = drop_oldest
        self._changed = Condition()
        self._closed = self._aborted = False
        self.dropped = 0

    def put(self, item: T) -> None:
        """Hand an item over; Aborted when the run is broken off."""
        with self._changed:
            if self._drop_oldest and len(self._items) >= self._capacity:
                self._items.popleft()
                self.dropped += 1
            while len(self._items) >= self._capacity and not self._aborted:
                self._changed.wait(WAIT_SECONDS)
            if self._aborted:
                raise Aborted
            self._items.append(item)
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Items until the channel is closed and empty; Aborted when the run is broken off."""
        return self.items()

    def items(self, idle: Callable[[], None] | None = None) -> Iterator[T]:
        """As iteration; `idle` is called again and again while nothing comes."""
        while True:
            with self._changed:
                while not self._ready() and idle is None:
                    self._changed.wait(WAIT_SECONDS)
                if not self._ready():
                    self._changed.wait(IDLE_SECONDS)
                if self._aborted:
                    raise Aborted
                if self._closed and not self._items:
                    return
                came = bool(self._items)
                if came:
                    item = self._items.popleft()
                    self._changed.notify_all()
            if came:
                yield item
            elif idle is not None:
                idle()

    def _ready(self) -> bool:
        return bool(self._items) or self._closed or self._aborted

    def close(self) -> None:
        """No more items will come; readers get what is there."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Stop both sides now; what is inside is lost."""
        with self._changed:
            self._aborted = True
            self._items.clear()
            self._changed.notify_all()
