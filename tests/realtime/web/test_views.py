"""The view of a watcher on the web."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import cv2
import numpy as np
import pytest

from engines.types.poses import Candidates, Maps
from realtime.sinks.screens.web_sink import WebSink
from realtime.types.frames import Frame
from realtime.types.results import Result, View
from tests.browser import CHROMIUM, browser
from tests.realtime.results import grey, keypoints, tracks
from tests.realtime.serving import TOKEN, pictures, play, settles, until
from tests.synth import CHANNELS, SKELETON, STRIDE, render
from tests.waiting import PATIENCE

SIZE = (320, 256)
NECK, NOSE = (160, 200), (160, 60)


def seen() -> Result:
    """Somebody whose nose lies far above the neck, with its maps."""
    one = keypoints(neck=NECK, nose=NOSE)
    maps = Maps(*render([one], SIZE), CHANNELS, STRIDE, SIZE)
    none = np.zeros((0, 4), np.float32)
    frame = Frame("clip", 0, "clip_0", 0, 0, grey(*SIZE))
    return Result(0, (View(frame, tracks([one]), Candidates(none, none, maps)),), {"infer": 0.01})


def painted(picture: np.ndarray, at: tuple[int, int]) -> bool:
    x, y = at
    return bool(np.ptp(picture[y - 1 : y + 2, x - 1 : x + 2].astype(int), axis=2).max() > 60)


def test_each_watcher_has_a_view_of_its_own() -> None:
    middle = (160, 130)  # of the limb
    expected = {
        "": (True, True, True),
        "?view=skeleton": (True, True, True),
        "?view=heatmaps": (True, False, True),
        "?view=pafs": (True, True, True),
        "?view=part:nose": (True, False, False),
        "?view=part%3Aneck": (False, False, True),
        "?view=": (True, True, True),
    }

    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        sink.write(seen())
        streams = {query: await client.get(f"{url}/video{query}") for query in expected}
        sink.write(seen())
        for query, stream in streams.items():
            picture = await anext(pictures(stream))
            found = tuple(painted(picture, at) for at in (NOSE, middle, NECK))
            assert found == expected[query], query
            stream.close()

    play(work)


def test_without_a_wish_the_picture_is_that_of_the_run() -> None:
    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        sink.write(seen())
        stream = await client.get(f"{url}/video")
        reader = pictures(stream)
        assert painted(await anext(reader), (160, 130))
        sink._shown.next_view()
        sink.write(seen())
        async with asyncio.timeout(PATIENCE):
            while painted(await anext(reader), (160, 130)):
                sink.write(seen())
        stream.close()

    play(work)


def test_maps_are_wanted_while_somebody_watches_them() -> None:
    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async def wanted() -> bool:
            return sink._shown.wants_maps()

        sink.write(seen())
        plain = await client.get(f"{url}/video")
        await anext(pictures(plain))
        assert not await wanted()
        stream = await client.get(f"{url}/video?view=pafs")
        await anext(pictures(stream))
        assert await wanted()
        stream.close()
        await until(lambda: settles(wanted(), False))
        plain.close()

    play(work)


@pytest.mark.parametrize("view", ["skull", "part:skull", "part", "%00", "a" * 4000, "part:%F0"])
def test_a_view_that_is_not_there_is_refused_politely(view: str) -> None:
    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async with client.get(f"{url}/video?view={view}") as answer:
            assert answer.status == 400
            text = await answer.text()
            assert len(text) < 500
            assert "keypoint" in text
            assert "Traceback" not in text
        assert not sink._shown.wants_maps()

    play(work)


def test_a_view_needs_the_token_as_everything_does() -> None:
    async def work(_: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        for path in ("/views", "/video?view=pafs"):
            async with client.get(url + path) as answer:
                assert answer.status == 401
        async with client.get(f"{url}/views?token={TOKEN}") as answer:
            names = await answer.json()
            assert names[:6] == ["skeleton", "heatmaps", "sum", "background", "pafs", "part:nose"]
            assert {name.partition(":")[0] for name in names[5:]} == {"part", "paf"}
            parts = [name for name in names if name.startswith("part:")]
            assert parts == [f"part:{name}" for name in SKELETON.keypoints]

    play(work, TOKEN)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
def test_the_page_switches_the_view(tmp_path: Path) -> None:
    async def work(sink: WebSink, _: aiohttp.ClientSession, url: str) -> None:
        async def go_on() -> None:
            while True:
                sink.write(seen())
                await asyncio.sleep(1 / 20)

        going = asyncio.create_task(go_on())
        colour = """(() => {
            const picture = document.querySelector("figure img");
            if (!picture.naturalWidth) return null;
            const canvas = document.createElement("canvas");
            canvas.width = picture.naturalWidth, canvas.height = picture.naturalHeight;
            const brush = canvas.getContext("2d");
            brush.drawImage(picture, 0, 0);
            const [r, g, b] = brush.getImageData(160, 130, 1, 1).data;
            return Math.max(r, g, b) - Math.min(r, g, b);
        })()"""
        async with browser(f"{url}/?token={TOKEN}") as page:
            await page.until("document.querySelectorAll('#view option').length == 42")
            await page.until(f"{colour} > 60")
            for view, check in (("part:nose", "< 20"), ("pafs", "> 60"), ("heatmaps", "< 20")):
                await page.evaluate(
                    f"view.value = '{view}'; view.dispatchEvent(new Event('change'))"
                )
                await page.until(f"{colour} !== null && {colour} {check}")
            await page.screenshot(tmp_path / "page.png")
        going.cancel()
        assert cv2.imread(str(tmp_path / "page.png")) is not None

    play(work, TOKEN)
