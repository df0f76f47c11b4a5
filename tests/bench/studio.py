"""What open pages of the studio cost the program, and what they take to draw.

    python -m tests.bench.studio [--pages 3] [--cameras 4] [--fps 30] [--seconds 20] [--pane live]

A server gets the frames of so many cameras (1280x720, of the clip of the demo, two people each) as
a run would give them, first without a page, then with pages in headless Chromium, by turns. Told
are the server's processor time for an instant (all cameras once) without and with pages, the same
for finding the people of one instant with pafnet, and the page's own: pictures that it showed, and
processor time that its main thread worked, a second.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import resource
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import av
import cv2

from engines.models.card import load_card
from engines.opening import engine_opener
from engines.types.arrays import Image
from posestream.demo import CLIP
from realtime.settings.model import ModelSettings
from realtime.sinks.screens.web_sink import WebSink
from realtime.studio.routes import StudioPages
from realtime.studio.studio import Studio, StudioRun
from realtime.types.frames import Frame
from realtime.types.results import Result, View
from realtime.web.address import Address
from tests.browser import Page, browser
from tests.realtime.results import Origin, header, tracks
from tests.synth import person

TOKEN = "token-of-the-bench"
SIZE = (1280, 720)
# Pictures that the Live pane has shown.
SHOWN = "(document.querySelector('#live').cards ?? []).reduce((sum, one) => sum + one.drawn, 0)"
TURNS = 3  # each without and with pages


def processor() -> float:
    """Seconds that this process has had of all cores."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def pictures() -> list[Image]:
    """Of the demo's clip, in the size of a camera."""
    with av.open(str(CLIP)) as video:
        frames = itertools.islice(video.decode(video=0), 40)
        return [cv2.resize(one.to_ndarray(format="bgr24"), SIZE) for one in frames]


def finding(images: list[Image], cameras: int) -> float:
    """Processor seconds in which pafnet finds the people of an instant."""
    card = load_card("pafnet")
    estimator = engine_opener(card, ModelSettings("pafnet"), live=True)()
    for _ in range(3):
        estimator.submit(images[:cameras])
        estimator.result()
    began = processor()
    for n in range(10):
        estimator.submit(images[n : n + cameras])
        for one in estimator.result():
            estimator.decoder.decode(one)
    taken = (processor() - began) / 10
    estimator.close()
    return taken


async def feed(sink: WebSink, images: list[Image], args: argparse.Namespace) -> float:
    """Results for so many seconds; processor seconds of the server for each instant."""
    names = [f"camera{n}" for n in range(args.cameras)]
    began, used = time.monotonic(), processor()
    count = round(args.seconds * args.fps)
    for n in range(count):
        seen = tracks([person((x + n % 50, 380), 560) for x in (400, 850)], ids=[1, 2])
        views = tuple(
            View(Frame(name, n, name, n / args.fps, time.monotonic(), images[(n + k) % 40]), seen)
            for k, name in enumerate(names)
        )
        sink.write(Result(n / args.fps, views, {"infer": 0.02, "people": 0.002}))
        await asyncio.sleep(max(0.0, began + (n + 1) / args.fps - time.monotonic()))
    return (processor() - used) / count


async def watched(page: Page) -> tuple[float, float]:
    """Pictures that the page has shown, and processor seconds that its main thread has worked."""
    metrics = await page.call("Performance.getMetrics")
    named = {one["name"]: one["value"] for one in metrics["metrics"]}
    return float(await page.evaluate(SHOWN)), float(named["TaskDuration"])


async def measure(args: argparse.Namespace, images: list[Image]) -> None:
    names = [f"camera{n}" for n in range(args.cameras)]
    sources = [Origin(name, rate=args.fps, live=True) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Path(folder), StudioRun(header(names=names), sources, True))
        pages = StudioPages(studio, TOKEN)
        sink = WebSink(
            Address("127.0.0.1", 0), None, header(names=names), announce=False, extension=pages
        )
        alone, crowded, shown, worked = [], [], [], []
        with sink, studio:
            url = f"http://127.0.0.1:{sink.address.port}/studio?token={TOKEN}#{args.pane}"
            for _ in range(TURNS):
                alone.append(await feed(sink, images, args))
                async with AsyncExitStack() as stack:
                    opened = [
                        await stack.enter_async_context(browser(url, size=(1600, 1000)))
                        for _ in range(args.pages)
                    ]
                    feeding = asyncio.create_task(feed(sink, images, args))
                    for page in opened:
                        await page.call("Performance.setTimeDomain", timeDomain="threadTicks")
                        await page.call("Performance.enable")
                        await page.until("document.querySelector('#state')?.textContent == 'live'")
                    await feeding
                    feeding = asyncio.create_task(feed(sink, images, args))
                    began, before = time.monotonic(), [await watched(one) for one in opened]
                    crowded.append(await feeding)
                    after, seconds = (
                        [await watched(one) for one in opened],
                        time.monotonic() - began,
                    )
                    for (count, work), (count2, work2) in zip(before, after, strict=True):
                        shown.append((count2 - count) / seconds)
                        worked.append(1000 * (work2 - work) / seconds)
    people = finding(images, args.cameras)
    without, with_pages = (1000 * statistics.median(one) for one in (alone, crowded))
    extra = with_pages - without
    print(
        f"server, an instant of {args.cameras} cameras: {without:.1f} ms of processor time without "
        f"a page, {with_pages:.1f} ms with {args.pages}; finding people takes "
        f"{1000 * people:.1f} ms, so pages take {100 * extra / (1000 * people + with_pages):.1f} % "
        "of all of it\n"
        f"page ({args.pane}): {statistics.median(shown):.1f} pictures a second of "
        f"{args.cameras * args.fps}; its main thread works {statistics.median(worked):.0f} ms of "
        "processor time a second"
    )


def main() -> None:
    """Print what pages cost."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--pages", type=int, default=3)
    ask.add_argument("--cameras", type=int, default=4)
    ask.add_argument("--fps", type=int, default=30)
    ask.add_argument("--seconds", type=float, default=20.0)
    ask.add_argument("--pane", default="live")
    asyncio.run(measure(ask.parse_args(), pictures()))


if __name__ == "__main__":
    main()
