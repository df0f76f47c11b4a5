"""Who draws the faults of a day."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from realtime.web.metrics import MAX_SILENCE_SECONDS
from tests.day.cameras import SCENE_EVERY, SCENE_LASTS, SIZES, Camera
from tests.day.web import Served
from tests.virtual import Event, World

DISKS = ("jsonl", "csv", "json", "coco", "takes")
SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Director:
    """Draws the faults of each scene."""

    def __init__(self, world: World, cameras: Sequence[Camera], seconds: float) -> None:
        self._world, self._cameras, self._seconds = world, cameras, seconds
        self.drawn: Counter[str] = Counter()
        self.full: set[str] = set()  # disks
        self.in_write: int | None = None  # a signal that comes while somebody writes
        self.served: Served | None = None
        self.over = Event(world)
        self.wrong: BaseException | None = None
        self.each_scene: Callable[[], None] = lambda: None

    def work(self) -> None:
        """A thread of its own; what it finds wrong is kept."""
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - raised by whoever asks
            self.wrong = error
        self.over.set()
        self._world.signal(signal.SIGTERM)

    def _work(self) -> None:
        world, draw = self._world, self._world.random
        while world.now < self._seconds:
            world.sleep(SCENE_EVERY - 5 - world.now % SCENE_EVERY)
            for camera in self._cameras:
                camera.frozen = False
                camera.dead = draw.random() < (0.6 if camera.dead else 0.06)
                self._count("dead", camera.dead)
                if self._count("size", draw.random() < 0.05):
                    camera.size = draw.choice(SIZES)
                if self._count("clock", draw.random() < 0.05):
                    camera.ahead += draw.uniform(-7200, 7200)
            if self._count("all dead", draw.random() < 0.01):
                for camera in self._cameras:
                    camera.dead = True
            world.sleep(5 + draw.uniform(0.2, SCENE_LASTS - 0.2))
            for camera in self._cameras:
                if self._count("freezes", draw.random() < 0.1):
                    camera.frozen = True
                if self._count("jumps", draw.random() < 0.03):
                    camera.ahead += draw.uniform(-60, 60)
            self.full = {
                disk for disk in DISKS if draw.random() < (0.6 if disk in self.full else 0.006)
            }
            self._count("full disk", bool(self.full))
            if draw.random() < 0.08:
                number = draw.choice(SIGNALS)
                self._count(number.name, True)
                if draw.random() < 0.5:
                    self.in_write = number
                else:
                    world.signal(number)
            if self.served is not None:
                self.served.visit()
                self._ask_for_health(self.served)
            self.each_scene()
            for _ in range(30):  # of the scene that is over, and of the silence after it
                world.sleep(1.0)
            if self.served is not None:
                self._ask_for_health(self.served)

    def _count(self, fault: str, happens: bool) -> bool:
        self.drawn[fault] += happens
        return happens

    def _ask_for_health(self, served: Served) -> None:
        """What is said is what is: by the last frames that came out."""
        now = self._world.now
        told = served.health()
        for camera, state in told["cameras"].items():
            age = now - served.came[camera] if camera in served.came else None
            assert state["age"] == (None if age is None else pytest.approx(age, abs=1e-3)), camera
            assert state["up"] == (age is not None and age <= MAX_SILENCE_SECONDS), camera
        down = [camera for camera, state in told["cameras"].items() if not state["up"]]
        assert (told["status"] == "ok") == (not down)


@contextmanager
def faults(patch: pytest.MonkeyPatch, director: Director, folder: Path) -> Iterator[None]:
    """Signals as run.py takes them; a full disk takes no more, or half of it."""
    write = os.write

    def meet(descriptor: int) -> None:
        if not director.full and director.in_write is None:
            return
        with suppress(FileNotFoundError):
            place = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            if not place.is_relative_to(folder):
                return
            # Handlers run on the main thread; sent from another, a signal could come anywhere.
            here = threading.current_thread() is threading.main_thread()
            if here and (number := director.in_write) is not None:
                director.in_write = None
                signal.raise_signal(number)
            if place.relative_to(folder).parts[1] in director.full:
                raise OSError(errno.ENOSPC, "No space left on device")

    def limited(descriptor: int, data: bytes) -> int:
        meet(descriptor)
        return write(descriptor, data)

    class Limited(FileIO):
        def write(self, data: Any) -> int:
            """Half of it, before the disk is full."""
            try:
                meet(self.fileno())
            except OSError:
                super().write(data[: len(data) // 2])
                raise
            return super().write(data)

    patch.setattr("os.write", limited)
    patch.setattr("realtime.mocap.journal.FileIO", Limited)
    before = {one: signal.signal(one, signal.default_int_handler) for one in SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
