"""What open pages of the studio cost the program, and what they take to draw.

    python -m tests.bench.studio [--pages 3] [--cameras 4] [--fps 30] [--seconds 20] [--pane live]
                                 [--network] [--idle | --busy]

A server gets the frames of so many cameras (1280x720, of the clip of the demo, two people each) as
a run would give them, first without a page, then with pages in headless Chromium, by turns. Told
are the server's processor time for a frame of all cameras without and with pages, the pictures that
a page showed, and the processor time of its threads. With --network pafnet finds people in every
frame, as fast as the processor allows: then no core is idle, and pages have to share. Browsers have
the lowest priority there, as if they were on another computer.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import resource
import statistics
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import av
import cv2

from engines.estimator import Estimator
from engines.machine import cores
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
from realtime.web.pictures.budget import Budget
from tests.browser import browser
from tests.realtime.results import Origin, header, tracks
from tests.synth import person

TOKEN = "token-of-the-bench"
SIZE = (1280, 720)
# Pictures that the Live pane has shown.
SHOWN = "(document.querySelector('#live').cards ?? []).reduce((sum, one) => sum + one.drawn, 0)"
SETTLE_S = 5.0  # seconds that pages have to begin
TICKS = os.sysconf("SC_CLK_TCK")
KINDS = {  # of Chromium's threads, by their names
    "CrRendererMain": "main thread",
    "chromium": "main thread",
    "DedicatedWorker": "worker",
    "ThreadPoolForeg": "decoding",
}


def processor() -> float:
    """Seconds that this process has had of all cores."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def pictures() -> list[Image]:
    """Of the demo's clip, in the size of a camera."""
    with av.open(str(CLIP)) as video:
        frames = itertools.islice(video.decode(video=0), 40)
        return [cv2.resize(one.to_ndarray(format="bgr24"), SIZE) for one in frames]


def network(cameras: int) -> Estimator:
    """Pafnet, warm."""
    estimator = engine_opener(load_card("pafnet"), ModelSettings("pafnet"), live=True)()
    for _ in range(3):
        find(estimator, pictures()[:cameras])
    return estimator


def find(estimator: Estimator, images: list[Image]) -> None:
    """The people of one frame of all cameras."""
    estimator.submit(images)
    for one in estimator.result():
        estimator.decoder.decode(one)


async def feed(
    sink: WebSink,
    images: list[Image],
    args: argparse.Namespace,
    estimator: Estimator | None,
    seconds: float,
) -> tuple[float, float]:
    """Results for so many seconds; processor seconds for each frame, and frames a second."""
    names = [f"camera{n}" for n in range(args.cameras)]
    began, used, n = time.monotonic(), processor(), 0
    while time.monotonic() < began + seconds:
        seen = tracks([person((x + n % 50, 380), 560) for x in (400, 850)], ids=[1, 2])
        views = tuple(
            View(Frame(name, n, name, n / args.fps, time.monotonic(), images[(n + k) % 40]), seen)
            for k, name in enumerate(names)
        )
        if estimator is not None:
            await asyncio.to_thread(find, estimator, [view.frame.image for view in views])
        sink.write(Result(n / args.fps, views, {"infer": 0.02, "people": 0.002}))
        n += 1
        pause = began + n / args.fps - time.monotonic()
        await asyncio.sleep(max(0.0, pause) if estimator is None else 0.0)
    return (processor() - used) / n, n / (time.monotonic() - began)


def threads(pids: set[int]) -> Counter[str]:
    """Processor seconds of a browser's threads, by what they do."""
    seconds: Counter[str] = Counter()
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/stat"):
            with suppress(OSError):
                name, _, rest = task.read_text().rpartition(")")
                user, system = map(int, rest.split()[11:13])
                kind = KINDS.get(name.partition("(")[2], "others")
                seconds[kind] += (user + system) / TICKS
    return seconds


def step_back(pids: set[int]) -> None:
    """Give all threads of these the lowest priority."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("[0-9]*"):
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, int(task.name), 19)


def family(pid: int) -> set[int]:
    """A process and all below it."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return found


async def measure(args: argparse.Namespace, images: list[Image]) -> None:
    names = [f"camera{n}" for n in range(args.cameras)]
    sources = [Origin(name, rate=args.fps, live=True) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Path(folder), StudioRun(header(names=names), sources, True))
        pages = StudioPages(studio, TOKEN)
        sink = WebSink(
            Address("127.0.0.1", 0), None, header(names=names), announce=False, extension=pages
        )
        alone, crowded = [], []
        shown, worked = 0.0, Counter[str]()
        estimator = network(args.cameras) if args.network else None
        with sink, studio:
            assert sink._server is not None
            if args.idle:
                sink._server._painter._budget = Budget(load=lambda: 0.0, count=cores() + 2)
            if args.busy:
                sink._server._painter._budget = Budget(
                    used=lambda: processor() + cores() * time.monotonic(), load=lambda: cores()
                )
            url = f"http://127.0.0.1:{sink.address.port}/studio?token={TOKEN}#{args.pane}"
            for _ in range(args.turns):
                alone.append(await feed(sink, images, args, estimator, args.seconds))
                async with AsyncExitStack() as stack:
                    before = family(os.getpid())
                    opened = [
                        await stack.enter_async_context(browser(url, size=(1600, 1000)))
                        for _ in range(args.pages)
                    ]
                    for page in opened:
                        await page.until("document.querySelector('#live')?.cards?.length > 0")
                    await feed(sink, images, args, None, SETTLE_S)
                    pids = family(os.getpid()) - before
                    if args.network:
                        step_back(pids)
                    spent, counts = threads(pids), [await one.evaluate(SHOWN) for one in opened]
                    crowded.append(await feed(sink, images, args, estimator, args.seconds))
                    worked += threads(pids) - spent
                    for page, count in zip(opened, counts, strict=True):
                        shown += await page.evaluate(SHOWN) - count
    without, with_pages = (
        1000 * statistics.median(cost for cost, _ in turns) for turns in (alone, crowded)
    )
    slow, fast = (statistics.median(rate for _, rate in turns) for turns in (crowded, alone))
    share = shown / args.pages / args.turns / args.seconds
    runs = args.pages * args.turns * args.seconds
    times = ", ".join(f"{name} {1000 * one / runs:.0f}" for name, one in worked.items())
    second = with_pages * slow - without * fast
    print(
        f"program, a frame of {args.cameras} cameras: {without:.2f} ms of processor time without a "
        f"page, {with_pages:.2f} ms with {args.pages}; pages take {second:.0f} ms a second, "
        f"{second / 10 / cores():.1f} % of {cores()} cores; {fast:.1f} fps without, "
        f"{slow:.1f} with\n"
        f"page ({args.pane}): {share:.1f} pictures a second of {args.cameras * slow:.0f}; ms of "
        f"processor time a second: {times}"
    )


def main() -> None:
    """Print what pages cost."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--pages", type=int, default=3)
    ask.add_argument("--cameras", type=int, default=4)
    ask.add_argument("--fps", type=int, default=30)
    ask.add_argument("--seconds", type=float, default=20.0)
    ask.add_argument("--turns", type=int, default=3, help="each without and with pages")
    ask.add_argument("--pane", default="live")
    ask.add_argument("--network", action="store_true")
    ask.add_argument("--idle", action="store_true", help="as if the machine had two idle cores")
    ask.add_argument("--busy", action="store_true", help="as if the run kept all cores busy")
    asyncio.run(measure(ask.parse_args(), pictures()))


if __name__ == "__main__":
    main()
