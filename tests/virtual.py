"""Threads in virtual time: real threads of which one runs at a time, in an order that a seed fixes.

Whoever waits hands over to whoever is next in virtual time, so that hours pass in seconds, and the
same seed gives the same run. The primitives stand in for those of `threading` in the few modules
that have any (tests/test_architecture.py keeps them few).
"""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from typing import Any, Self

import pytest


class Deadlock(AssertionError):
    """Everybody waits for somebody else."""


class Task:
    """A thread: it runs when `go` is released."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.go = threading.Lock()  # held until it is this thread's turn
        self.go.acquire()
        self.turn = 0  # counts its waits; what would wake an earlier one is void


class World:
    """The clock and the order of all that happens. Made on the main thread."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = random.Random(seed)
        self.main = Task("main")
        self._current = self.main
        self._queue: list[tuple[float, float, int, Task, int]] = []
        self._count = 0
        self._signals: list[int] = []
        self.switches = 0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Of whoever runs."""
        self._push(self._current, self.now + max(0.0, seconds))
        self._switch()

    def signal(self, number: int) -> None:
        """To the main thread, which handles it as soon as it runs."""
        self._signals.append(number)
        self._push(self.main, self.now)

    def wake(self, task: Task) -> None:
        """Now, or after others whose time is now."""
        self._push(task, self.now)

    def wait(self, timeout: float | None) -> None:
        """Until somebody wakes this thread, or for so many seconds."""
        if timeout is not None:
            self._push(self._current, self.now + timeout)
        self._switch()

    def start(self, task: Task, work: Callable[[], object]) -> threading.Thread:
        """A real thread that waits for its turn."""

        def run() -> None:
            task.go.acquire()
            try:
                work()
            finally:
                self._hand_over()

        thread = threading.Thread(target=run, name=f"virtual {task.name}", daemon=True)
        thread.start()
        self._push(task, self.now)
        return thread

    @property
    def current(self) -> Task:
        return self._current

    def _push(self, task: Task, when: float) -> None:
        self._count += 1  # of equal times and draws the first
        heappush(self._queue, (when, self.random.random(), self._count, task, task.turn))

    def _next(self) -> Task:
        while self._queue:
            when, _, _, task, turn = heappop(self._queue)
            if turn == task.turn:
                self.now = max(self.now, when)
                task.turn += 1
                return task
        return self.main

    def _switch(self) -> None:
        own = self._current
        waits = own.turn
        following = self._next()
        if following is not own:
            self.switches += 1
            self._current = following
            following.go.release()
            own.go.acquire()
        elif own.turn == waits:
            raise Deadlock("nobody will ever wake anybody")
        if own is self.main:
            while self._signals:
                signal.raise_signal(self._signals.pop(0))

    def _hand_over(self) -> None:
        """Of a thread that ends."""
        following = self._next()
        self._current = following
        following.go.release()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """In place of threading, wherever the program has any of it."""
        kinds: dict[str, type[Any]] = {
            "Condition": Condition,
            "Lock": Lock,
            "Event": Event,
            "Thread": Thread,
        }
        for place in (
            "realtime.runtime.channel.Condition",
            "realtime.runtime.stages.Thread",
            "realtime.runtime.stages.Lock",
            "realtime.runtime.synchronizer.Lock",
            "realtime.sources.reconnecting.Event",
            "realtime.sources.reconnecting.Lock",
        ):
            kind = kinds[place.rpartition(".")[2]]
            patch.setattr(place, lambda *args, kind=kind, **more: kind(self, *args, **more))


class Condition:
    """Its lock is that only one thread runs."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: list[tuple[Task, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def wait(self, timeout: float | None = None) -> None:
        own = self._world.current
        entry = (own, own.turn)
        self._waiting.append(entry)
        try:
            self._world.wait(timeout)
        finally:
            with suppress(ValueError):
                self._waiting.remove(entry)

    def notify_all(self) -> None:
        for task, turn in self._waiting:
            if task.turn == turn:
                self._world.wake(task)
        self._waiting.clear()


class Lock:
    """Somebody may wait in virtual time while holding it."""

    def __init__(self, world: World) -> None:
        self._free = Condition(world)
        self._held = False

    def acquire(self, blocking: bool = True) -> bool:
        while self._held:
            if not blocking:
                return False
            self._free.wait()
        self._held = True
        return True

    def release(self) -> None:
        self._held = False
        self._free.notify_all()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Event:
    def __init__(self, world: World) -> None:
        self._world = world
        self._changed = Condition(world)
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        until = None if timeout is None else self._world.now + timeout
        while not self._set and (until is None or self._world.now < until):
            self._changed.wait(None if until is None else until - self._world.now)
        return self._set


class Thread:
    def __init__(
        self,
        world: World,
        target: Callable[..., object],
        args: tuple[object, ...] = (),
        name: str = "",
        daemon: bool = True,
    ) -> None:
        self._world = world
        self._work = lambda: target(*args)
        self._task = Task(name)
        self._over = Event(world)

    def start(self) -> None:
        def run() -> None:
            try:
                self._work()
            finally:
                self._over.set()

        self._world.start(self._task, run)

    def join(self, timeout: float | None = None) -> None:
        self._over.wait(timeout)
