"""Pictures of the newest result, made once for all who look at them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from realtime.drawing.reprojection import Reprojection
from realtime.types.results import Result
from realtime.types.view_mode import Shown
from realtime.web.pictures.budget import Budget
from realtime.web.pictures.looks import MAX_FPS, Look, Wish
from realtime.web.pictures.view_jpeg import rendered


class Box(Protocol):
    """Of somebody who looks."""

    def put(self, item: bytes) -> None: ...


class Painter:
    """Paints while somebody looks. For one event loop, on which `run` is.

    bodies: places the 3D people in pictures.
    """

    def __init__(self, shown: Shown, bodies: Reprojection | None = None) -> None:
        self._shown, self._bodies = shown, bodies
        self._budget = Budget()
        self._fresh = asyncio.Event()
        self._newest: Result | None = None
        self._boxes: dict[Look, set[Box]] = {}
        self._due: dict[Look, float] = {}

    @property
    def looks(self) -> dict[Look, int]:
        """What is looked at, and by how many."""
        return {look: len(boxes) for look, boxes in self._boxes.items()}

    @contextmanager
    def looking(self, look: Look, box: Box) -> Iterator[None]:
        """Somebody looks at this, and gets the newest at once."""
        maps = [one for _, one in look.wishes if one.mode is not None and one.mode.of_maps]
        for _ in maps:
            self._shown.want_maps()
        self._boxes.setdefault(look, set()).add(box)
        self._fresh.set()
        try:
            yield
        finally:
            boxes = self._boxes[look]
            boxes.discard(box)
            if not boxes:
                del self._boxes[look]
            for _ in maps:
                self._shown.want_maps(more=False)

    def show(self, result: Result) -> None:
        """This is the newest one."""
        self._newest = result
        self._fresh.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        spent = time.thread_time()
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            newest, now = self._newest, time.monotonic()
            self._due = {look: self._due.get(look, now) for look in self._boxes}
            # The frame that is nearest to when one is due.
            looks = [look for look, due in self._due.items() if due <= now + 0.5 / look.fps]
            wanted = {one for look in looks for one in look.wishes}
            if newest is None or not wanted:
                continue
            there = [one for one in wanted if newest.views[one[0]] is not None]
            made, worked = await asyncio.to_thread(self._make, newest, there)
            for look in looks:
                self._due[look] = max(self._due[look], now - 0.5 / look.fps) + 1 / look.fps
                for item in look.items(made):
                    for box in self._boxes.get(look, ()):
                        box.put(item)
            # What this thread does for pages, sending above all, counts too.
            before, spent = spent, time.thread_time()
            await asyncio.sleep(self._budget.pause(worked + spent - before, 1 / MAX_FPS))

    def _make(
        self, result: Result, wanted: Sequence[tuple[int, Wish]]
    ) -> tuple[dict[tuple[int, Wish], bytes], float]:
        """The pictures, and the processor seconds that they took."""
        began = time.thread_time()
        made = {one: rendered(result, *one, self._shown, self._bodies) for one in wanted}
        return made, time.thread_time() - began
