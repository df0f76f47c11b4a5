"""Cameras that fail, and a network that finds two people and misses some."""

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
from realtime.types.results import Poses3D, View
from tests.synth import person
from tests.virtual import World

SCENE_EVERY, SCENE_LASTS = 960.0, 2.0  # seconds
RATE = 10.0
SKELETON = named_skeleton("coco18")
SIZES = ((96, 64), (144, 96))  # of pictures: width, height
PLACES = (0.25, 0.75)  # of the two people, in widths
MISSED = 0.05  # share of the people


class Camera:
    """What the world does with a camera; its frames hold their number."""

    def __init__(self, world: World, name: str, phase: float) -> None:
        self.world, self.name, self.phase = world, name, phase
        self.dead = self.frozen = False
        self.size = SIZES[0]
        self.ahead = 0.0  # of its own clock
        self.sent = 0

    @property
    def up(self) -> bool:
        return self.world.now % SCENE_EVERY < SCENE_LASTS and not self.dead

    def connect(self) -> Link:
        dark = SCENE_EVERY - self.world.now % SCENE_EVERY
        # Longer than a real one hangs, so that a day of nothing takes no time.
        self.world.sleep(0.05 if self.up else min(30.0, dark))
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
        wide, high = camera.size
        image = np.full((high, wide, 3), (40, 60, 200), np.uint8)
        image[:, wide // 2 :] = 200, 160, 40  # the two are not dressed alike
        camera.sent += 1
        return self._stamps.captured(moment + camera.ahead, world.now), image

    def close(self) -> None: ...


class Network:
    """Finds the two people, and takes its time."""

    depth = 1

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked: deque[list[Candidates]] = deque()

    def submit(self, images: Sequence[Image]) -> None:
        """Of a picture it remembers the size."""
        nothing = np.zeros((0, 4), np.float32)
        sizes = [np.array([[0, *one.shape[1::-1], 1]], np.float32) for one in images]
        self._asked.append([Candidates(size, nothing) for size in sizes])

    def result(self) -> list[Candidates]:
        # Now and then something else wants the processor.
        draw = self._world.random
        self._world.sleep(2.0 if draw.random() < 0.004 else draw.uniform(0.01, 0.08))
        return self._asked.popleft()

    @property
    def decoder(self) -> Self:
        return self

    def decode(self, evidence: Candidates) -> Poses:
        wide, high = evidence.peaks[0, 1:3].tolist()
        draw = self._world.random
        seen = [place for place in PLACES if draw.random() >= MISSED]
        people = [person((place * wide, high / 2), 0.8 * high) for place in seen]
        xy = np.array(people, np.float32).reshape(-1, len(SKELETON.keypoints), 2)
        score = np.where(np.isnan(xy[..., 0]), 0, 0.8).astype(np.float32)
        return Poses(SKELETON, xy, score, np.full(len(xy), 0.8, np.float32))

    def close(self) -> None: ...


class Someone:
    """In 3D: who is there in a scene, at a place that tells the frame."""

    def update(self, time: float, views: Sequence[View | None]) -> Poses3D:
        xyz = np.full((1, len(SKELETON.keypoints), 3), time % SCENE_EVERY, np.float32)
        known = np.ones(xyz.shape[:2])
        ids = np.array([int(time // SCENE_EVERY)])
        rows = [[0 if view and len(view.tracks) else -1 for view in views]]  # in each view
        return Poses3D(
            *(SKELETON, ids, xyz, known.astype(np.float32), known.astype(np.int64)),
            *(known < 0, np.array(rows, np.int64)),
        )
