"""What finding and following people costs beside the networks: thread time a frame.

    python -m tests.bench.around [CLIP ...] [--ways every followed auto] [--people 8]

pafnet at height 256 with Lightning; the thread that makes people of what the networks saw, without
the first network, and without cutting crops and running the crop network on them. The median, and
the tenth percentile, which other work hardly touches. --people: only frames with so many or more.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from engines.runtimes.crop_network import CropsOnHost
from realtime.assembly import stream
from realtime.looks import Looks
from tests.bench.following import CLIPS, WAYS, card
from tests.conftest import DATA
from tests.realtime.wanted import settings

WARM_UP = 3


def spent(clip: str, way: str, least: int) -> list[float]:
    """Milliseconds of each frame with so many people."""
    path, end = CLIPS[clip]
    networks, frames = [0.0], []

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            began = time.thread_time()
            try:
                return work(*given)
            finally:
                networks[0] += time.thread_time() - began

        return run

    def whole(work: Callable[..., Any], *, follows: bool) -> Callable[..., Any]:
        def run(looks: Looks, instant: Any, seen: Any, **more: Any) -> Any:
            networks[0], began = 0.0, time.thread_time()
            views = work(looks, instant, timed(seen) if follows else seen, **more)
            frames.append((time.thread_time() - began - networks[0], len(views[0].tracks)))
            return views

        return run

    wanted = {"model": "pafnet", "height": 256, "refine": card("lightning"), **WAYS[way]}
    with (
        patch.object(CropsOnHost, "run", timed(CropsOnHost.run)),
        patch.object(Looks, "watch", whole(Looks.watch, follows=True)),
        patch.object(Looks, "meet", whole(Looks.meet, follows=False)),
    ):
        for _ in stream(settings(str(path), end=end, **wanted)):
            pass
    return [1000 * seconds for seconds, people in frames[WARM_UP:] if people >= least]


def main() -> None:
    """A line for each clip and way."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.formatter_class = argparse.RawDescriptionHelpFormatter
    ask.add_argument("clips", nargs="*", metavar="clip", help=", ".join(CLIPS))
    ask.add_argument("--ways", nargs="+", default=["every", "followed", "auto"], choices=[*WAYS])
    ask.add_argument("--people", type=int, default=0, metavar="N")
    args = ask.parse_args()
    os.environ.setdefault("POSE_WEIGHTS", str(DATA / "models"))
    cv2.setNumThreads(1)
    for clip in args.clips or ["street", "walk"]:
        for way in args.ways:
            taken = spent(clip, way, args.people)
            low, middle = np.percentile(taken, (10, 50)) if taken else (np.nan, np.nan)
            print(f"{clip} {way}: {len(taken)} frames, median {middle:.2f} ms, tenth {low:.2f} ms")


if __name__ == "__main__":
    main()
