"""The 3D people of a whole run, kept for pages to replay them."""

from __future__ import annotations

from collections import deque

MAX_BYTES = 64 << 20  # bytes of lines, an hour of four people
RUN_OVER = b'{"over":true}'  # what pages are told when no more will come


class Replay:
    """The newest lines of a run. over: whether it has ended. For one event loop."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._size = 0
        self.over = False

    def add(self, line: bytes) -> None:
        """Keep a line, and let the oldest go where there are too many."""
        self._lines.append(line)
        self._size += len(line)
        while self._size > MAX_BYTES:
            self._size -= len(self._lines.popleft())

    def lines(self) -> bytes:
        """All of them, each with its end."""
        return b"".join(line + b"\n" for line in self._lines)
