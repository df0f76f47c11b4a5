"""The 3D people of a whole run, kept for pages to replay them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

MAX_BYTES = 64 << 20  # bytes of lines, an hour of four people
CHUNK_BYTES = 64 << 10  # bytes that a client is given at a time, at least a line
RUN_OVER = b'{"over":true}'  # what pages are told when no more will come


class Replay:
    """The newest lines of a run. over: whether it has ended. For one event loop."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._gone = 0  # chunks that were let go
        self._open: list[bytes] = []  # lines of the next chunk
        self._open_size = 0
        self._size = 0
        self.over = False

    def add(self, line: bytes) -> None:
        """Keep a line, and let the oldest chunk go where there are too many."""
        self._open.append(line + b"\n")
        self._open_size += len(line) + 1
        self._size += len(line) + 1
        if self._open_size >= CHUNK_BYTES:
            self._chunks.append(b"".join(self._open))
            self._open, self._open_size = [], 0
        while self._size > MAX_BYTES and self._chunks:
            self._size -= len(self._chunks.popleft())
            self._gone += 1

    def chunks(self) -> Iterator[bytes]:
        """All lines, many at once; those that are let go on the way are left out."""
        number = self._gone
        while number < self._gone + len(self._chunks):
            number = max(number, self._gone)
            yield self._chunks[number - self._gone]
            number += 1
        if self._open:
            yield b"".join(self._open)
