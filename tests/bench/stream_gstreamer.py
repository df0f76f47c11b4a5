"""An RTSP server that nobody here wrote, which dies, hangs and is restarted.

    python -m tests.bench.stream_gstreamer [--times 20] [--only h264-long]

GStreamer's server with each kind of stream is killed (SIGKILL) and started again, stopped (SIGSTOP)
and continued, and ended (SIGTERM) and started again, so many times each. Prints the seconds from
the opening of the source to its first picture, the pictures of the 3 s after it (90 were filmed),
and from the return of the server (it listens, or goes on) to the first new picture: the median and
the most. It skips where the server is not installed.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
from collections.abc import Callable

from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.types.frames import Stoppable
from tests.bench.stream import Watch, figures
from tests.gstreamer import GStreamerCamera, installed

AWAY = 3.0  # seconds: longer than a freeze takes to be noticed
KINDS = {
    "h264-short": ("--gop", "15"),
    "h264-long": ("--gop", "250"),
    "b-frames": ("--gop", "250", "--b-frames", "2"),
    "h265": ("--codec", "h265", "--gop", "250"),
    "mjpeg": ("--codec", "mjpeg"),
    "sound": ("--audio",),
    "basic": ("--login", "basic"),
    "digest": ("--login", "digest"),
    "udp": ("--protocol", "udp"),
}


class Counted(Watch):
    """Counts the pictures too."""

    count = 0

    def _read(self) -> None:
        for frame in self.source:
            self.captured = frame.captured
            self.count += 1


def first(camera: GStreamerCamera, login: bool, times: int) -> tuple[list[float], list[int]]:
    """Seconds to the first picture, and how many came in the 3 s after it."""
    waits, counts = [], []
    for _ in range(times):
        began = time.monotonic()
        with open_source(SourceSettings(camera.url(login=login))) as source:
            watch = Counted(source)
            waits.append(watch.wait(began))
            before = watch.count
            time.sleep(3.0)
            counts.append(watch.count - before)
            assert isinstance(source, Stoppable)
            source.stop()
            watch.thread.join(10)
    return waits, counts


def returns(camera: GStreamerCamera, login: bool, times: int, how: str) -> list[float]:
    """Seconds to the first new picture after each return."""
    away: Callable[[], None] = {
        "killed": camera.kill,
        "stopped": camera.freeze,
        "ended": camera.end,
    }[how]
    waits = []
    with open_source(SourceSettings(camera.url(login=login))) as source:
        watch = Watch(source)
        watch.wait(time.monotonic())
        for lap in range(times):
            away()
            time.sleep(AWAY + lap % 10 / 10)
            (camera.thaw if how == "stopped" else camera.start)()
            waits.append(watch.wait(time.monotonic()))
            time.sleep(0.5)
        assert isinstance(source, Stoppable)
        source.stop()
        watch.thread.join(10)
    return waits


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--times", type=int, default=20)
    ask.add_argument("--only", choices=KINDS)
    args = ask.parse_args()
    if not installed():
        raise SystemExit("GStreamer's RTSP server is not here, see tests/gstreamer.py")
    logging.disable()
    print("| stream | first picture | in the 3 s after | killed | stopped | ended |")
    print("|---|---|---|---|---|---|")
    for name, words in KINDS.items():
        if args.only not in (None, name):
            continue
        login = "--login" in words
        with GStreamerCamera(*words) as camera:
            waits, counts = first(camera, login, max(1, args.times // 4))
            cells = [_words(waits), f"{min(counts)} to {max(counts)}"]
            for how in ("killed", "stopped", "ended"):
                cells.append(_words(returns(camera, login, args.times, how)))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(figures())


def _words(waits: list[float]) -> str:
    return f"{statistics.median(waits):.2f}, at most {max(waits):.2f} s"


if __name__ == "__main__":
    main()
