"""Cameras that fail, a network that finds one person, and who is told of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Self

import numpy as np

from engines.types.arrays import Image
from engines.types.poses import Candidates, Poses
from engines.types.skeleton import named_skeleton
from realtime.runtime.clock import StreamClock
from realtime.types.errors import Unreachable
from realtime.types.results import Poses3D, Result, View
from realtime.web.mailbox import Mailbox
from realtime.web.metrics import Metrics
from realtime.web.replay import Replay
from tests.virtual import World

SCENE_EVERY, SCENE_LASTS = 240.0, 2.0  # seconds
RATE = 5.0
SKELETON = named_skeleton("coco18")
LINES_OF_A_CLIENT = 30


class Camera:
    """What the world does with a camera; its frames hold their number."""

    def __init__(self, world: World, name: str, phase: float) -> None:
        self.world, self.name, self.phase = world, name, phase
        self.dead = self.frozen = False
        self.size = (8, 8)
        self.ahead = 0.0  # of its own clock
        self.sent = 0

    @property
    def up(self) -> bool:
        return self.world.now % SCENE_EVERY < SCENE_LASTS and not self.dead

    def connect(self) -> Link:
        dark = SCENE_EVERY - self.world.now % SCENE_EVERY
        self.world.sleep(0.05 if self.up else min(4.0, dark))
        if not self.up:
            raise Unreachable("no answer.")
        return Link(self)


class Link:
    """A connection to it, as realtime/sources/reconnecting.py wants one."""

    rate: float | None = RATE
    notes: Sequence[str] = ()

    def __init__(self, camera: Camera) -> None:
        self.camera, self.name = camera, camera.name
        self._stamps = StreamClock()

    def read(self, wanted: bool) -> tuple[float, Image | None]:
        camera, world = self.camera, self.camera.world
        period = 1 / RATE
        world.sleep(period - (world.now - camera.phase) % period)
        moment = world.now
        if not camera.up or camera.frozen:
            world.sleep(3.0)
            raise Unreachable("nothing came for 3 s.")
        world.sleep(world.random.uniform(0, 0.03))  # on the way
        image = np.full((*camera.size, 3), camera.sent % 256, np.uint8)
        camera.sent += 1
        return self._stamps.captured(moment + camera.ahead, world.now), image

    def close(self) -> None: ...


class Network:
    """Finds one person, and takes its time."""

    depth = 1

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked: deque[int] = deque()
        point = np.full((1, len(SKELETON.keypoints)), 0.5, np.float32)
        xy = np.stack([point, point], axis=-1)
        self._one = Poses(SKELETON, xy, point, np.ones(1, np.float32))

    def submit(self, images: Sequence[Image]) -> None:
        self._asked.append(len(images))

    def result(self) -> list[Candidates]:
        # Now and then something else wants the processor.
        draw = self._world.random
        self._world.sleep(2.0 if draw.random() < 0.004 else draw.uniform(0.02, 0.1))
        nothing = np.zeros((0, 4), np.float32)
        return [Candidates(nothing, nothing)] * self._asked.popleft()

    @property
    def decoder(self) -> Self:
        return self

    def decode(self, evidence: Candidates) -> Poses:
        return self._one

    def close(self) -> None: ...


class Someone:
    """In 3D: who is there in a scene, at a place that tells the frame."""

    def update(self, time: float, views: Sequence[View | None]) -> Poses3D:
        xyz = np.full((1, len(SKELETON.keypoints), 3), time % SCENE_EVERY, np.float32)
        known = np.ones(xyz.shape[:2])
        ids = np.array([int(time // SCENE_EVERY)])
        return Poses3D(
            *(SKELETON, ids, xyz, known.astype(np.float32), known.astype(np.int64)),
            *(known < 0, np.zeros((1, len(views)), np.int64)),
        )


class Served:
    """Clients of the live run: each has a mailbox; some stall."""

    def __init__(self, world: World, names: Sequence[str]) -> None:
        self._world = world
        self.metrics = Metrics("tiny", names)
        self.replay = Replay()
        self.clients: list[tuple[Mailbox, list[int], int]] = []
        self.count = 0
        self.came: dict[str, float] = {}  # when the newest frame of each camera did

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def write(self, result: Result) -> None:
        self.metrics.add(result, self._world.now)
        for view in filter(None, result.views):
            self.came[view.frame.camera] = self._world.now
        self.replay.add(b"%d" % self.count)
        for mailbox, *_ in self.clients:
            mailbox.put(b"%d" % self.count)
        self.count += 1

    def visit(self) -> None:
        """Somebody comes, somebody goes, and all but those that stall read."""
        draw = self._world.random
        if draw.random() < 0.3 and len(self.clients) < 10:
            self.clients.append((Mailbox(LINES_OF_A_CLIENT), [], self.count))
        if draw.random() < 0.2 and self.clients:
            self.clients.pop(draw.randrange(len(self.clients)))
        for mailbox, seen, came in self.clients:
            if draw.random() < 0.5:
                continue
            reader = aiter(mailbox)
            assert len(mailbox._items) <= LINES_OF_A_CLIENT
            while mailbox._items:
                try:
                    anext(reader).__await__().send(None)  # type: ignore[attr-defined]
                except StopIteration as line:
                    seen.append(int(line.value))
            assert seen == sorted(set(seen)), "lines in order, none twice"
            if came < self.count:
                assert seen[-1] == self.count - 1, "the newest is among them"
