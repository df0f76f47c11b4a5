"""Age of results from a camera that is faster than the network, and memory over time.

    python -m tests.bench.live [--minutes 1] [--height 480] [--precision fp32] [--refine CARD]

A recorded clip is played as a 30 fps camera would, in real time, again and again. Prints the age
of a result when it reaches the outputs beside the time of its stages, and the process's memory.
With --refine people are followed by a crop network, as they are by default where one runs. Fails
where results are older than their stages by more than MAX_WAIT frame periods.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from engines.models.card import load_card
from engines.opening import engine_opener
from engines.refining import second_look_opener
from engines.types.arrays import Image
from realtime.assembly import REFINE_BUDGET_SECONDS
from realtime.default_model import DEFAULT
from realtime.pipeline import Pipeline
from realtime.settings.model import ModelSettings
from realtime.settings.sources import SourceSettings
from realtime.settings.tracking import TrackSettings
from realtime.sources import open_source
from realtime.tracking.camera_tracker import CameraTracker
from realtime.types.frames import Frame
from tests.conftest import DATA

PERIOD = 1 / 30
MAX_WAIT = 1.3  # frame periods: one for the camera's next frame, the rest for what is around
CLIP = DATA / "video" / "webcam-walk.mkv"


class Camera:
    """A live source that gives the pictures of a clip at a camera's pace."""

    live = True
    total: int | None = None
    rate: float | None = 1 / PERIOD
    notes: Sequence[str] = ()
    name = "camera"

    def __init__(self, images: list[Image], seconds: float) -> None:
        self._images = images
        self._seconds = seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __iter__(self) -> Iterator[Frame]:
        began = time.monotonic()
        for index in itertools.count():
            due = began + index * PERIOD
            if due - began > self._seconds:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            captured = time.monotonic()
            image = self._images[index % len(self._images)].copy()
            yield Frame(self.name, index, f"camera_{index:012d}", captured, captured, image)


def resident() -> float:
    """MiB of memory that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    """Print ages and memory, a line a minute."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--minutes", type=float, default=1)
    ask.add_argument("--height", type=int, default=480)
    ask.add_argument("--precision", default="fp32", choices=("fp32", "bf16", "int8"))
    ask.add_argument("--refine", default="off", help="a crop network's name or card")
    args = ask.parse_args()
    os.environ.setdefault("POSE_WEIGHTS", str(DATA / "models"))
    with open_source(SourceSettings(str(CLIP))) as clip:
        images = [frame.image for frame in clip]
    models = ModelSettings(precision=args.precision, height=args.height)
    card = load_card(models.model or DEFAULT)
    open_engine = engine_opener(card, models, live=True)
    open_second = second_look_opener(args.refine, card, budget=REFINE_BUDGET_SECONDS)
    pipeline = Pipeline(
        [Camera(images, args.minutes * 60)],
        open_engine,
        trackers=[CameraTracker(card.skeleton, TrackSettings())],
        every="auto" if open_second else 1,
        open_second=open_second,
    )
    ages: list[float] = []
    stages: list[float] = []
    began = minute = time.monotonic()
    for count, result in enumerate(pipeline):
        view = result.views[0]
        assert view is not None
        if count < 10:  # the first ones wait for the network to be compiled
            continue
        now = time.monotonic()
        ages.append(now - view.frame.captured)
        stages.append(sum(result.seconds.values()))
        if now - minute >= 60:
            minute = now
            print(f"{(now - began) / 60:4.1f} min: {resident():.1f} MiB", flush=True)
    age, work = statistics.median(ages), statistics.median(stages)
    print(
        f"{len(ages)} results, {pipeline.dropped} frames dropped; median age {1000 * age:.1f} ms, "
        f"stages {1000 * work:.1f} ms: {(age - work) / PERIOD:.2f} frame periods more; "
        f"p95 {1000 * statistics.quantiles(ages, n=20)[-1]:.1f} ms; {resident():.1f} MiB"
    )
    return int((age - work) / PERIOD > MAX_WAIT)


if __name__ == "__main__":
    sys.exit(main())
