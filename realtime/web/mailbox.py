"""What waits for one client."""

from __future__ import annotations

from asyncio import Event
from collections import deque
from collections.abc import AsyncIterator


class Mailbox:
    """Holds the newest few items for one reader; older ones are dropped. For one event loop.

    `close` ends it after what it holds.
    """

    def __init__(self, capacity: int) -> None:
        self._items: deque[bytes] = deque(maxlen=capacity)
        self._changed = Event()
        self._closed = False

    def put(self, item: bytes) -> None:
        """Add an item."""
        self._items.append(item)
        self._changed.set()

    def close(self) -> None:
        """No more items will come."""
        self._closed = True
        self._changed.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._items:
                yield self._items.popleft()
            if self._closed:
                return
            self._changed.clear()
            await self._changed.wait()
