"""Ctrl-C between two frames, never in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C; a service manager's and a container's way to say so; a terminal that is closed.
DEFERRED_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP take effect when the block is done; a second one does not wait.

    On the main thread, where Python runs their handlers; elsewhere nothing need be held back.
    Signals without a handler of Python's own are left to the system.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {one: now for one in DEFERRED_SIGNALS if callable(now := signal.getsignal(one))}
    came: list[tuple[int, FrameType | None]] = []

    def wait(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))
        if len(came) > 1:
            handlers[signal.Signals(number)](number, frame)

    for one in handlers:
        signal.signal(one, wait)
    try:
        yield
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
    for number, frame in came[:1]:
        handlers[signal.Signals(number)](number, frame)
