"""A network camera that dies, freezes and returns, and the age of what comes of it.

    python -m tests.bench.stream [--times 20] [--seconds 20] [--precision int8] [--height 256]

An RTSP camera on the loopback is killed and started again, then frozen and thawed, so many times.
Prints how long after each return the first new picture is there, and threads, file descriptors
and memory before and after; then the age of the results of the whole pipeline at 30 fps.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import threading
import time
from pathlib import Path

from engines.models.card import load_card
from engines.opening import engine_opener
from realtime.default_model import DEFAULT
from realtime.pipeline import Pipeline
from realtime.settings.model import ModelSettings
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.types.frames import Source, Stoppable
from tests.bench.live import resident
from tests.cameras import COUNT, NetworkCamera, RtspCamera, number_of
from tests.conftest import DATA

AWAY = 3.0  # seconds: longer than a freeze takes to be noticed


class Watch:
    """Reads a source on a thread and keeps when the last picture was captured and came."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.captured = 0.0
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        for frame in self.source:
            self.captured = frame.captured

    def wait(self, since: float) -> float:
        """Seconds from `since` to the first picture captured after it."""
        while self.captured <= since:
            if time.monotonic() - since > 30:
                raise SystemExit("it did not come back within 30 s")
            time.sleep(0.002)
        return time.monotonic() - since


def figures() -> str:
    """What must not grow."""
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return f"{threading.active_count()} threads, {descriptors} files, {resident():.1f} MiB"


def returns(camera: NetworkCamera, watch: Watch, times: int, how: str) -> None:
    """Take the camera away and bring it back, so many times."""
    waits: list[float] = []
    for lap in range(times):
        if lap in (1, times // 2):
            print(f"  {figures()}", flush=True)
        (camera.kill if how == "killed" else camera.freeze)()
        time.sleep(AWAY + lap % 10 / 10)
        (camera.start if how == "killed" else camera.thaw)()
        waits.append(watch.wait(time.monotonic()))
        time.sleep(0.5)
    print(
        f"{how} {times} times: back after {statistics.median(waits):.2f} s, "
        f"at most {max(waits):.2f} s\n  {figures()}",
        flush=True,
    )


def ages(camera: NetworkCamera, seconds: float, models: ModelSettings) -> None:
    """Age of results at the outputs, against when the camera took the picture."""
    open_engine = engine_opener(load_card(models.model or DEFAULT), models, live=True)
    with open_source(SourceSettings(camera.url())) as source:
        found: list[tuple[float, float]] = []
        pipeline = Pipeline([source], open_engine)
        began = 0.0
        for count, result in enumerate(pipeline):
            now = time.monotonic()
            if count < 10:  # the first ones wait for the network to be compiled
                began = now
                continue
            # By what the picture shows and when the camera took that, not by our own stamps.
            view = result.views[0]
            assert view is not None
            latest = int((now - camera.began) * camera.fps)
            taken = latest - (latest - number_of(view.frame.image)) % COUNT
            age = now - (camera.began + taken / camera.fps)
            found.append((age, sum(result.seconds.values())))
            if now - began > seconds:
                break
    half = len(found) // 2
    for name, part in (("first", found[:half]), ("second", found[half:])):
        age = statistics.median(one[0] for one in part)
        work = statistics.median(one[1] for one in part)
        print(
            f"{name} half, {len(part)} results: age {1000 * age:.1f} ms, "
            f"stages {1000 * work:.1f} ms",
            flush=True,
        )
    print(f"{pipeline.dropped} frames dropped", flush=True)


def main() -> None:
    """Print it all."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--times", type=int, default=20)
    ask.add_argument("--seconds", type=float, default=20)
    ask.add_argument("--precision", default="int8", choices=("fp32", "bf16", "int8"))
    ask.add_argument("--height", type=int, help="of the network; 480 in fp32 is slower than 30 fps")
    args = ask.parse_args()
    os.environ.setdefault("POSE_WEIGHTS", str(DATA / "models"))
    logging.disable()
    with RtspCamera(size=(640, 480)) as camera:
        ages(camera, args.seconds, ModelSettings(precision=args.precision, height=args.height))
    if not args.times:
        return
    with RtspCamera() as camera, open_source(SourceSettings(camera.url())) as source:
        watch = Watch(source)
        watch.wait(time.monotonic())
        returns(camera, watch, args.times, "killed")
        returns(camera, watch, args.times, "frozen")
        if isinstance(source, Stoppable):
            source.stop()
        watch.thread.join(10)


if __name__ == "__main__":
    main()
