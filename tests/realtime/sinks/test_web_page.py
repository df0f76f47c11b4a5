"""The whole program with --serve, as another program and a browser see it."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest

from realtime.sinks.screens.web_sink import WebSink
from realtime.types.frames import Frame
from realtime.types.results import Result, View
from tests.browser import CHROMIUM, browser
from tests.conftest import ROOT, with_weights
from tests.realtime.results import grey, result, tracks
from tests.realtime.serving import HEADER, TOKEN, play
from tests.synth import person, scene, write_tiny_network, write_video
from tests.waiting import PATIENCE


@contextmanager
def program(*words: object) -> Iterator[str]:
    """The whole program with --serve 0; its address."""
    process = subprocess.Popen(
        [sys.executable, "run.py", "--no-show", "--serve", "0", *map(str, words)],
        cwd=ROOT,
        env=with_weights(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert line.startswith("posestream: live at http://127.0.0.1:"), line
        yield line.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def walk(folder: Path, frames: int) -> tuple[Path, Path, list[np.ndarray]]:
    """A network, and a video in which somebody walks to and fro."""
    truth = [
        person((100 + 100 * abs((n % 100) / 50 - 1), 128), 180, "walking") for n in range(frames)
    ]
    drawn = {n: scene([truth[n]], (320, 256)) for n in range(min(frames, 100))}
    path = folder / "walk.mkv"
    write_video(path, [drawn[n % 100] for n in range(frames)], [n / 30 for n in range(frames)])
    return write_tiny_network(folder), path, truth


def test_the_program_sends_what_it_sees_in_every_source(tmp_path: Path) -> None:
    card, clip, truth = walk(tmp_path, 1000)
    (tmp_path / "again.mkv").write_bytes(clip.read_bytes())

    async def follow(url: str) -> list[dict[str, Any]]:
        async with aiohttp.ClientSession() as client, client.ws_connect(f"{url}ws") as ws:
            header = json.loads(await ws.receive_str())
            assert header["sources"] == ["walk", "again"]
            assert [one["name"] for one in header["cameras"]] == ["walk", "again"]
            same = ("program", "model", "skeleton", "units")
            assert {key: header[key] for key in same} == {key: HEADER[key] for key in same}
            return [json.loads(await ws.receive_str()) for _ in range(50)]

    with program("--source", clip, "--source", tmp_path / "again.mkv", "--model", card) as url:
        lines = asyncio.run(follow(url))
    assert {line["source"] for line in lines} == {"walk", "again"}
    for line in lines:
        (one,) = line["people"]
        found = np.array(one["keypoints"])[:, :2]
        np.testing.assert_allclose(found, truth[line["index"]], atol=1.5)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
def test_a_browser_shows_moving_pictures_and_figures(tmp_path: Path) -> None:
    read = """(() => {
        const picture = document.querySelector("figure img");
        const canvas = document.createElement("canvas");
        canvas.width = picture.naturalWidth, canvas.height = picture.naturalHeight;
        if (!canvas.width) return "";  // the next picture is being decoded
        const brush = canvas.getContext("2d");
        brush.drawImage(picture, 0, 0);
        return Array.from(brush.getImageData(0, 0, canvas.width, canvas.height).data).join();
    })()"""

    async def walk_on(sink: WebSink) -> None:
        """A camera with 30 frames a second."""
        for n in itertools.count():
            at = 60 + n % 200
            seen = tracks([person((at, 120), 180)], ids=[3])
            one = result(seen, index=n, time=n / 30)
            sink.write(Result(n / 30, one.views, {"infer": 0.02, "people": 0.001}))
            await asyncio.sleep(1 / 30)

    async def work(sink: WebSink, _: aiohttp.ClientSession, url: str) -> None:
        walking = asyncio.create_task(walk_on(sink))
        async with browser(f"{url}/?token={TOKEN}") as page:
            await page.until("document.querySelector('#state')?.textContent == 'live'")
            await page.until("document.querySelector('#people').textContent.trim() == '1'")
            await page.until("parseFloat(document.querySelector('#fps').textContent) > 1")
            assert await page.evaluate("document.querySelectorAll('#stages div').length") == 2
            assert (
                await page.evaluate("document.querySelector('#who').innerText")
                == "id 3\nclip\n18 / 18"
            )
            await page.until("document.querySelector('figure img').naturalWidth == 320")
            seen = {await page.until(read)}
            async with asyncio.timeout(PATIENCE):
                while len(seen) < 3:
                    await asyncio.sleep(0.1)
                    seen.add(await page.until(read))
            await page.screenshot(tmp_path / "page.png")
            walking.cancel()
            await page.until("document.querySelector('#state').textContent.startsWith('no frame')")
        assert cv2.imread(str(tmp_path / "page.png")) is not None

    play(work, TOKEN)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
def test_a_browser_shows_more_cameras_than_it_has_connections(tmp_path: Path) -> None:
    """Eight, each of a grey of its own that changes from frame to frame."""
    names = tuple(f"camera{n}" for n in range(8))
    read = """Array.from(document.querySelectorAll("figure img"), picture => {
        const canvas = document.createElement("canvas");
        canvas.width = picture.naturalWidth, canvas.height = picture.naturalHeight;
        const brush = canvas.getContext("2d");
        if (canvas.width) brush.drawImage(picture, 0, 0);
        const pixel = canvas.width ? brush.getImageData(5, 5, 1, 1).data : [];
        return pixel[3] === 255 ? pixel[0] : -1;  // a picture that is being decoded draws nothing
    })"""

    async def film(sink: WebSink) -> None:
        for index in itertools.count():
            images = [grey(320, 240, 30 * n + 8 * (index % 3)) for n in range(len(names))]
            views = tuple(
                View(Frame(name, index, name, index / 20, 0, image), tracks())
                for name, image in zip(names, images, strict=True)
            )
            sink.write(Result(index / 20, views, {"infer": 0.02}))
            await asyncio.sleep(1 / 20)

    async def work(sink: WebSink, _: aiohttp.ClientSession, url: str) -> None:
        filming = asyncio.create_task(film(sink))
        async with browser(f"{url}/?token={TOKEN}", size=(1280, 1400)) as page:
            await page.until("document.querySelectorAll('figure img').length == 8")
            seen: list[set[int]] = [set() for _ in names]
            async with asyncio.timeout(PATIENCE):
                while min(map(len, seen)) < 3:
                    for n, value in enumerate(await page.evaluate(read)):
                        if value >= 0:
                            seen[n].add(round((value - 30 * n) / 8))
                    await asyncio.sleep(0.02)
            assert seen == [{0, 1, 2}] * 8
            await page.screenshot(tmp_path / "page.png")
            # A page that nobody looks at lets go; one that is looked at again goes on.
            await page.evaluate(
                "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
                "document.dispatchEvent(new Event('visibilitychange'))"
            )
            assert sink._server is not None
            async with asyncio.timeout(PATIENCE):
                while sink._server._painter.looks:
                    await asyncio.sleep(0.02)
            await page.evaluate(
                "Object.defineProperty(document, 'hidden', {value: false, configurable: true});"
                "document.dispatchEvent(new Event('visibilitychange'))"
            )
            async with asyncio.timeout(PATIENCE):
                while not sink._server._painter.looks:
                    await asyncio.sleep(0.02)
        filming.cancel()

    play(work, TOKEN, sources=names)
