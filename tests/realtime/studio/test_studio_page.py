"""The studio in a browser, over a run of two looped videos with a rig."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from calibration.files.rig_toml import write_rig
from calibration.geometry.camera import Camera, Rig
from realtime.assembly import stream
from realtime.mocap.take import SAME_FRAME_SHARE
from tests.bodies import body
from tests.browser import CHROMIUM, Page, browser
from tests.calibration.cameras import ring
from tests.realtime.serving import TOKEN
from tests.realtime.wanted import settings
from tests.synth import SKELETON, scene, write_tiny_network, write_video

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
SIZE = (320, 256)
FRAMES, RATE = 24, 12
NONE = "\N{EN DASH}"


def rig() -> Rig:
    """Two cameras of small pictures at a right angle."""
    cameras = []
    for camera in (ring(8, radius=4).cameras[n] for n in (0, 2)):
        matrix = np.array([[250.0, 0, 160], [0, 250.0, 128], [0, 0, 1]])
        cameras.append(
            Camera(camera.name, SIZE, matrix, np.zeros(0), camera.rotation, camera.translation)
        )
    return Rig(tuple(cameras))


def walker(frame: int) -> np.ndarray:
    """(18, 3) metres of somebody who walks on the spot."""
    return body((0.1, 0.0), heading=0.5, phase=2 * np.pi * frame / FRAMES, skeleton=SKELETON)


def record(folder: Path) -> list[str]:
    """Words of a run: two videos, their rig, and a network that sees who is drawn in them."""
    write_rig(rig(), folder / "rig.toml")
    for camera in rig().cameras:
        pictures = [scene([camera.project(walker(n))], SIZE) for n in range(FRAMES)]
        write_video(folder / f"{camera.name}.mkv", pictures, [n / RATE for n in range(FRAMES)])
    return [str(folder / f"{camera.name}.mkv") for camera in rig().cameras]


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


@asynccontextmanager
async def running(sources: list[str], **options: Any) -> AsyncIterator[None]:
    """The program, in a thread of its own, until the block ends."""
    over = Event()

    def work() -> None:
        with closing(stream(settings(*sources, loop=True, realtime=True, **options))) as results:
            for _ in results:
                if over.is_set():
                    break

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        await asyncio.to_thread(thread.join)


async def type_into(page: Page, where: str, text: str) -> None:
    await page.evaluate(
        f"(() => {{ const box = document.querySelector({where!r}); box.value = {text!r};"
        "box.dispatchEvent(new Event('input')); box.dispatchEvent(new Event('change')); })()"
    )


async def click(page: Page, where: str) -> None:
    await page.until(
        f"(() => {{ const one = document.querySelector({where!r}); "
        "return one && !one.disabled && !one.hidden; })()"
    )
    await page.evaluate(f"document.querySelector({where!r}).click()")


async def frame(page: Page, n: int) -> None:
    await page.until(f"document.querySelector('.deck')?.dataset.frame == '{n}'")


def test_a_take_is_recorded_played_cut_and_exported(tmp_path: Path) -> None:
    """All by the page; what it shows and what C3D holds is what the take's lines say."""
    ezc3d = pytest.importorskip("ezc3d")
    sources, port, takes = record(tmp_path), free_port(), tmp_path / "takes"
    options = {
        "serve": str(port),
        "serve_token": TOKEN,
        "rig": tmp_path / "rig.toml",
        "model": str(write_tiny_network(tmp_path)),
        "takes": takes,
    }
    url = f"http://127.0.0.1:{port}/studio?token={TOKEN}"

    async def visit() -> None:
        async with browser(url) as page:
            async with running(sources, **options):
                await page.until("location.href.startsWith('chrome-error')")  # it came too early
                await page.call("Page.navigate", url=url)
                await follow(page)
                await plot(page)
                await compute(page)
            await page.until("document.querySelector('#state').textContent == 'no connection'")
            async with running(sources, **options):
                await page.until("document.querySelector('#state').textContent == 'live'")
                await click(page, "#start")
                await page.until("document.querySelector('#state').textContent.startsWith('rec')")

    async def follow(page: Page) -> None:
        await page.until("document.querySelector('#state')?.textContent == 'live'")
        await type_into(page, "#name", "Walk / on the spot")
        await click(page, "#start")
        await page.until("document.querySelector('#state').textContent.startsWith('recording')")
        (place,) = takes.iterdir()
        lines = place / "frames.jsonl"
        while not lines.exists() or len(lines.read_text().splitlines()) < 40:
            await asyncio.sleep(0.1)
        await click(page, "#stop")
        await frame(page, 0)
        said = [json.loads(line) for line in lines.read_text().splitlines()[1:]]
        spaces = [line for line in said if "space" in line]
        await type_into(page, ".slider", "7")
        await frame(page, 7)
        await page.evaluate("document.querySelector('details').open = true")
        cells = await page.evaluate(
            "[...document.querySelectorAll('table tr')].map(row => "
            "[...row.cells].map(cell => cell.textContent))"
        )
        xyz = spaces[7]["space"][0]["xyz"]
        assert [row[0] for row in cells] == [one.replace("_", " ") for one in SKELETON.keypoints]
        for row, point in zip(cells, xyz, strict=True):
            assert row[1:] == [f"{x:g}" for x in point] if point else [NONE] * 3
        await page.screenshot(tmp_path / "take.png")
        await page.evaluate("document.querySelector('.deck button[title^=space]').click()")
        await page.until("+document.querySelector('.deck').dataset.frame > 9")
        await page.evaluate("document.querySelector('.deck button[title^=space]').click()")
        await type_into(page, ".slider", "4")
        await frame(page, 4)
        await click(page, "button[title='i']")
        await type_into(page, ".slider", "15")
        await frame(page, 15)
        await click(page, "button[title='o']")
        await page.evaluate(
            "[...document.querySelectorAll('button')].find(one => one.textContent == 'Cut').click()"
        )
        await page.until("document.querySelector('.take.chosen').textContent.includes('(cut)')")
        await click(page, "button[value=c3d]")
        await page.until("document.querySelector('.made a') !== null")
        name = await page.evaluate("document.querySelector('.made a').textContent")
        assert name == "Walk-on-the-spot.c3d"
        c3d = ezc3d.c3d(str(place / "exports" / name))
        points = c3d["data"]["points"][:3].transpose(2, 1, 0) / 1000  # (T, K, 3) metres
        # At a constant rate, which a busy machine may have made half of the cameras'.
        kept = spaces[4:16]
        rate = c3d["header"]["points"]["frame_rate"]
        at = np.array([rate * (one["time"] - kept[0]["time"]) for one in kept])
        first = np.unique(at.round(), return_index=True)[1]
        exact = first[np.abs(at[first] - at[first].round()) < 0.04]
        assert len(points) == int(at[-1] + SAME_FRAME_SHARE) + 1
        assert len(exact) >= 4
        wanted = np.array([kept[n]["space"][0]["xyz"] for n in exact], float)
        np.testing.assert_allclose(points[at[exact].round().astype(int)], wanted, atol=2e-4)

    async def compute(page: Page) -> None:
        """What the page plots is what the take's own lines have of the same people."""
        (place,) = takes.iterdir()
        await page.evaluate(
            f"""(async () => {{
                const series = await import("./studio/page/series.js");
                const {{ openTake }} = await import("./studio/page/take.js");
                const {{ studio }} = await import("./studio/page/shell.js");
                const take = await openTake(studio, "{place.name}");
                const frames = await take.all(), {{ skeleton }} = take.card;
                window.plotted = [
                    series.series(series.instantsOf(frames, "cam0"), skeleton,
                        {{ kind: "angle", name: "left_knee" }}).lines[0].y,
                    series.speeds([0, 0.1, 0.2, 0.3], [[0, 0], [1, 0], [2, 0], null]),
                    series.speeds([0, 0.1], [[0, 0, 0], [0.3, 0.4, 0]]),
                ];
            }})()"""
        )
        angles, speeds, more = await page.until("window.plotted")
        lines = [json.loads(line) for line in (place / "frames.jsonl").read_text().splitlines()]
        own = [line["people"][0]["angles"] for line in lines if line.get("source") == "cam0"]
        np.testing.assert_allclose(angles, [one["left_knee"] for one in own][4:16], atol=0.1)
        np.testing.assert_allclose(speeds[:3], [10, 10, 10])
        assert speeds[3] is None
        np.testing.assert_allclose(more, [5, 5])

    async def plot(page: Page) -> None:
        """The knee's angle over the frames that were not cut off."""
        await page.evaluate("document.querySelector('.deck a[href^=\"#plots\"]').click()")
        await page.until("document.querySelector('#plots .card[data-points=\"12\"]') !== null")
        await page.screenshot(tmp_path / "plots.png")
        await page.evaluate("history.back()")
        await click(page, ".deck a[href^='#space']")
        await page.until("document.querySelector('#space input[type=range]').max == '11'")
        await page.screenshot(tmp_path / "space.png")

    asyncio.run(visit())
    assert len([*takes.iterdir()]) == 2
