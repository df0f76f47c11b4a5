"""Lenses and a rig calibrated through the studio's page, from rendered boards and recorded ones."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.files.rig_toml import read_rig
from calibration.geometry.camera import Camera, Rig, rotation_matrix
from engines.types.arrays import Image
from posestream.commands.calibrate.extrinsics import read_timestamps
from realtime.sinks.screens.web_sink import WebSink
from realtime.studio.studio import Studio
from realtime.types.frames import Frame
from realtime.types.results import Result, View
from tests.bodies import BODY25
from tests.browser import CHROMIUM, Page, browser
from tests.calibration.board.test_extrinsics import in_first, their_rig
from tests.calibration.boards import CHARUCO, photograph
from tests.realtime.results import tracks
from tests.realtime.studio_run import studio_run

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")

LENS = Camera("c", (400, 300), np.array([[375.0, 0, 202], [0, 374, 148], [0, 0, 1]]))
APART = 0.1  # metres between the two cameras, which look the same way
NAMES = ("left", "right")
STILL_FRAMES = 4  # that a board stands, 0.2 s apart
STEP_S = 0.2
PLACES = [  # of the board's middle before the left camera, and how it is turned
    ((x * far, y * far, far), (0.5 * np.sin(2.4 * n), 0.55 * np.cos(2.4 * n), 0.1 * (n % 3)))
    for n, (far, x, y) in enumerate(
        itertools.product((0.5, 0.8), (-0.12, 0.08, 0.3), (-0.2, 0.0, 0.2))
    )
]


@cache
def filmed() -> list[tuple[Image, Image]]:
    """What both cameras see of the board at each place."""
    pictures = []
    middle = np.array([*np.array(CHARUCO.size) / 2, 0])
    for centre, turned in PLACES:
        rotation = rotation_matrix(np.array(turned))
        translation = np.array(centre) - rotation @ middle
        left, right = (
            photograph(CHARUCO, LENS, rotation, translation - [by, 0, 0]) for by in (0, APART)
        )
        pictures.append((_coloured(left), _coloured(right)))
    return pictures


def _coloured(grey: Image) -> Image:
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


@asynccontextmanager
async def playing(
    sink: WebSink,
    studio: Studio,
    names: Sequence[str],
    pictures: Sequence[Sequence[Image]],
    still: int = STILL_FRAMES,
) -> AsyncIterator[None]:
    """Instant after instant, again and again, each for so many frames; from the first one on
    whenever a calibration begins, so that it sees the same whatever else the machine does.
    """

    async def play() -> None:
        n = place = 0
        while True:
            if not studio.calibration.busy:
                place = 0
                await asyncio.sleep(0.02)
                continue
            images, time = pictures[place // still % len(pictures)], n * STEP_S
            views = tuple(
                View(Frame(name, n, f"{name}_{n}", time, 0, image), tracks(skeleton=BODY25))
                for name, image in zip(names, images, strict=True)
            )
            one = Result(time, views, {"infer": 0.02})
            sink.write(one)
            await asyncio.to_thread(studio.write, one)
            n, place = n + 1, place + 1

    task = asyncio.create_task(play())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def fill_in(page: Page, **values: object) -> None:
    """The board, as a user types it."""
    for name, value in values.items():
        await page.until(f"document.querySelector('#calibrate input[name={name}]') !== null")
        await page.evaluate(
            f"document.querySelector('#calibrate input[name={name}]').value = '{value}'"
        )
    await page.evaluate("document.querySelector('#calibrate form button.main').click()")
    await page.until("document.querySelector('#calibrate form').innerText.includes('In use')")


async def choose(page: Page, select: str, value: str) -> None:
    await page.evaluate(f"document.querySelector('#{select}').value = '{value}'")


def button(words: str, row: str = "") -> str:
    """The button with these words, in the row of a camera or a file."""
    return (
        "[...document.querySelectorAll('#calibrate button')].find(one => "
        f"one.textContent === '{words}' && !one.disabled && one.offsetParent && "
        f"(one.closest('.rows > div')?.innerText ?? '').includes('{row}'))"
    )


async def press(page: Page, words: str, row: str = "") -> None:
    await page.until(f"{button(words, row)} !== undefined")
    await page.evaluate(f"{button(words, row)}.click()")


async def guided(page: Page, enough: int) -> str:
    """Until so many were taken, then finished; what the page reports."""
    meter = "document.querySelector('#calibrate .meters b')?.textContent"
    taken = f"Number({meter}.match(/ (\\d+)\\//)?.[1])"
    ready = (
        f"({taken} >= {enough} && {button('Finish')} !== undefined) "
        "|| document.querySelector('#calibrate .session pre').textContent !== ''"
    )
    await page.until("document.querySelector('#calibrate img.guide').naturalWidth > 0")
    await page.until(ready)
    await page.evaluate(f"{button('Finish')}?.click()")
    await page.until("document.querySelector('#calibrate .session .words').textContent === 'Done.'")
    said: str = await page.evaluate("document.querySelector('#calibrate .session pre').textContent")
    return said


def test_a_lens_and_the_rig_through_the_page(tmp_path: Path) -> None:
    """The lens is what it was rendered with, and the cameras stand as far apart as they did."""

    async def work() -> None:
        with studio_run(tmp_path, NAMES, None, live=False) as (sink, studio, url):
            # The other lens was calibrated before.
            (tmp_path / "rigs").mkdir()
            studio.calibration.folder.keep_lens(replace(LENS, name="right"))
            async with playing(sink, studio, NAMES, filmed()), browser(f"{url}#calibrate") as page:
                await page.resize(390, 844)
                await fill_in(page, columns=5, rows=4, square=50, marker=37.5)
                await choose(page, "hold", "0.3")
                await press(page, "Calibrate", "left")
                assert "verdict" in await guided(page, 8)
                await page.until("document.querySelector('#calibrate img.chart').naturalWidth > 0")
                assert await page.evaluate("document.documentElement.scrollWidth") == 390
                await press(page, "Calibrate the rig")
                assert "reprojection error" in await guided(page, 10)
                await press(page, "Look", "rig-")
                await page.until("document.querySelector('#calibrate .stage canvas').width > 100")
                await press(page, "Check by the board", "rig-")
                said = await guided(page, 6)
                assert "squares of 50 mm measure" in said
                assert "median distances in pixels" in said

    asyncio.run(work())
    (path,) = (tmp_path / "rigs").glob("rig-*.toml")
    rig = read_rig(path)
    assert [camera.name for camera in rig.cameras] == list(NAMES)
    for camera in rig.cameras:
        assert abs(camera.matrix[0, 0] / 375 - 1) < 0.02
    assert np.linalg.norm(np.diff(rig.centres, axis=0)) == pytest.approx(APART, abs=0.005)


def test_a_recorded_rig_through_the_page(data: Path, tmp_path: Path) -> None:
    """Every fourth instant of two cameras, with the lenses that their owners measured."""
    folder = data / "rig-charuco" / "charuco_calibration"
    theirs = their_rig(folder).cameras[::3]
    names = [camera.name for camera in theirs]
    videos = folder / "calibration" / "extrinsic"
    tables = read_timestamps(videos / "timestamps.csv", 4)[::3]
    films = []
    for name, frames in zip(names, tables, strict=True):
        capture, film, n = cv2.VideoCapture(str(videos / f"{name}.mp4")), {}, 0
        while (read := capture.read())[0]:
            if n in frames:
                film[frames[n]] = np.asarray(read[1], np.uint8)
            n += 1
        films.append(film)
    both = sorted(films[0].keys() & films[1].keys())[::4]

    async def work() -> None:
        with studio_run(tmp_path, names, None, live=False) as (sink, studio, url):
            (tmp_path / "rigs").mkdir()
            for camera in theirs:
                studio.calibration.folder.keep_lens(camera)
            pictures = [[film[n] for film in films] for n in both]
            async with (
                playing(sink, studio, names, pictures, still=1),
                browser(f"{url}#calibrate") as page,
            ):
                swapped = "document.querySelector('#calibrate input[name=inverted]')"
                await page.until(f"{swapped} !== null")
                await page.evaluate(f"{swapped}.click()")
                await fill_in(
                    *(page,), columns=4, rows=5, square=54, marker=40.5, dictionary="DICT_4X4_1000"
                )
                await choose(page, "hold", "0")
                await press(page, "Calibrate the rig")
                assert "joined by cam_0 and cam_3" in await guided(page, 7)

    asyncio.run(work())
    (path,) = (tmp_path / "rigs").glob("rig-*.toml")
    rig, known = in_first(read_rig(path)), in_first(Rig(theirs))
    one, other = rig.cameras[1], known.cameras[1]
    cosine = (np.trace(one.rotation @ other.rotation.T) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))) < 1.5
    assert abs(np.linalg.norm(one.centre) - np.linalg.norm(other.centre)) < 0.02
