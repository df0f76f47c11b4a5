"""A run with a studio: people who walk before a rig of four cameras, without a network."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from calibration.geometry.camera import Rig
from engines.types.arrays import Image
from engines.types.skeleton import Skeleton
from realtime.multiview.identity import share_ids
from realtime.multiview.stage import RigStage
from realtime.sinks.screens.web_sink import WebSink
from realtime.studio.opening import studio_of
from realtime.studio.studio import Studio
from realtime.types.results import Result
from realtime.types.start import Start
from realtime.web.address import Address
from realtime.writing.header import Header
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring
from tests.realtime.results import Origin

TOKEN = "a-token-of-the-studio"
FPS = 30
RIG = ring(4, radius=5)
NAMES = tuple(camera.name for camera in RIG.cameras)


class Camera(Origin):
    """A live one with pictures."""

    skeleton: Skeleton | None = None


@contextmanager
def studio_run(
    folder: Path, names: Sequence[str] = NAMES, rig: Rig | None = RIG, *, live: bool = True
) -> Iterator[tuple[WebSink, Studio, str]]:
    """What the pipeline writes to, and the studio's address, with its token."""
    cameras = [Camera(name, rate=FPS, live=live) for name in names]
    header = Header("tiny", BODY25, cameras, rig, Start(100.0, 1_700_000_000.25))
    studio, (pages, token) = studio_of(folder, TOKEN, header, cameras)  # type: ignore[arg-type]
    sink = WebSink(
        Address("127.0.0.1", 0), token, header, announce=False, extension=pages, studio_token=token
    )
    with sink, studio:
        yield sink, studio, f"{sink.address.url}studio?token={TOKEN}"


@cache
def walk(frames: int = 60) -> tuple[Result, ...]:
    """Two people who walk on the spot in a circle of two seconds, and one who turns."""
    stage, results = RigStage(RIG, BODY25), []
    for n in range(frames):
        phase = 2 * np.pi * n / frames
        people = [
            body((-0.6 + 0.3 * np.sin(phase), 0.3), phase=2 * phase),
            body((0.7, -0.5 + 0.3 * np.cos(phase)), heading=1, phase=2 * phase),
            body((0.1, 1.2), heading=phase),
        ]
        views, poses = share_ids(
            *(lambda seen: (seen, stage.update(n / FPS, seen)))(sightings(RIG, people, n / FPS))
        )
        filmed = []
        for number, view in enumerate(views):
            assert view is not None
            frame = replace(view.frame, image=_background(number), index=n)
            filmed.append(replace(view, frame=frame))
        results.append(
            Result(
                *(n / FPS, tuple(filmed), {"infer": 0.021, "people": 0.004, "space": 0.003}),
                poses3d=poses,
            )
        )
    return tuple(results)


async def walk_on(sink: WebSink, studio: Studio) -> None:
    """For ever, at 30 fps."""
    seen = walk()
    for n in itertools.count():
        one = seen[n % len(seen)]
        views = []
        for view in one.views:
            assert view is not None
            now = sink._server._clock() if sink._server else 0.0
            frame = replace(view.frame, index=n, time=n / FPS, captured=now - 0.06)
            views.append(replace(view, frame=frame))
        result = replace(one, time=n / FPS, views=tuple(views))
        sink.write(result)
        studio.write(result)
        await asyncio.sleep(1 / FPS)


@cache
def _background(number: int) -> Image:
    """A floor and a wall, other ones for each camera."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(60, 150, (9, 16, 3)).astype(np.uint8)
    image = np.asarray(cv2.resize(coarse, (1280, 720), interpolation=cv2.INTER_CUBIC), np.uint8)
    image.flags.writeable = False
    return image
