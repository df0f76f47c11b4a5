"""What waits for one client."""

from __future__ import annotations

from asyncio import Event, Transport
from collections import deque
from collections.abc import AsyncIterator


class Mailbox:
    """Holds the newest few items for one reader; older ones are dropped. For one event loop.

    `close` ends it after what it holds. transport: the reader's connection.
    """

    def __init__(self, capacity: int, transport: Transport) -> None:
        self._items: deque[bytes] = deque(maxlen=capacity)
        self._transport = transport
        self._changed = Event()
        self._closed = False

    def put(self, item: bytes) -> None:
        """Add an item."""
        self._items.append(item)
        self._changed.set()

    def pass_on(self, packed: bytes) -> bool:
        """Send an item now, as it goes over the wire; False where others wait before it.

        Most readers are as fast as the run: waking a task for each of them costs more than to send.
        """
        if self._items or self._closed or self._transport.is_closing():
            return False
        if self._transport.get_write_buffer_size():
            return False
        self._transport.write(packed)
        return True

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
