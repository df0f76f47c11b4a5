"""An RTSP server that nobody here wrote, which dies, hangs and is restarted.

    python -m tests.bench.stream_gstreamer [--times 20] [--only h264-long] [--ages 10]

GStreamer's server with each kind of stream is killed (SIGKILL) and started again, stopped (SIGSTOP)
and continued, and ended (SIGTERM) and started again, so many times each. Prints the seconds from
the opening of the source to its first picture, and over TCP from the server's first packet of it;
the pictures of the 3 s after it (90 were filmed); and from the return of the server (it listens, or
goes on) to the first new picture: the median and the most. With --ages instead how old pictures
are when they come, by what they show, over so many seconds, in turn with our own test server. It
skips where the server is not installed.
"""

from __future__ import annotations

import argparse
import logging
import socket
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from engines.types.arrays import Image
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.types.frames import Stoppable
from tests.bench.stream import Watch, figures
from tests.cameras import COUNT, RtspCamera, number_of
from tests.gstreamer import GStreamerCamera, installed
from tests.gstreamer_server import RATE

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


class Tap:
    """Stands between a viewer and a server, and keeps when the server's first packet came."""

    def __init__(self, camera: GStreamerCamera) -> None:
        self._camera = camera
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.first: float | None = None

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                viewer, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._camera.port))
                for one in (viewer, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for ends in ((viewer, server, False), (server, viewer, True)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, watched: bool) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 16):
                if watched and self.first is None and data[:1] == b"$":  # RFC 2326, 10.12
                    self.first = time.monotonic()
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def first(
    camera: GStreamerCamera, login: bool, times: int
) -> tuple[list[float], list[float], list[int]]:
    """Seconds to the first picture, from the server's first packet to it where that goes over TCP,
    and how many pictures came in the 3 s after it.
    """
    waits, own, counts = [], [], []
    for _ in range(times):
        with Tap(camera) as tap:
            address = camera.url(login=login).replace(f":{camera.port}/", f":{tap.port}/")
            began = time.monotonic()
            with open_source(SourceSettings(address)) as source:
                watch = Counted(source)
                waits.append(watch.wait(began))
                if tap.first is not None:
                    own.append(began + waits[-1] - tap.first)
                before = watch.count
                time.sleep(3.0)
                counts.append(watch.count - before)
                assert isinstance(source, Stoppable)
                source.stop()
                watch.thread.join(10)
    return waits, own, counts


def ages(address: str, seconds: float, age: Callable[[Image, float], float]) -> list[float]:
    """Of all pictures that come after the first second."""
    found = []
    with open_source(SourceSettings(address)) as source:
        began = time.monotonic()
        for frame in source:
            now = time.monotonic()
            if now - began > 1 + seconds:
                break
            if now - began > 1:
                found.append(age(frame.image, now))
    return found


def _age(image: Image, now: float) -> float:
    """Of GStreamer's numbered pictures."""
    newest = int(now * RATE)
    return now - (newest - (newest - number_of(image)) % COUNT) / RATE


def compare_ages(seconds: float, only: str | None) -> None:
    """Each kind of stream, then our own server."""
    print("| stream | pictures | age | of 95 in 100 | our own server | of 95 in 100 |")
    print("|---|---|---|---|---|---|")
    for name, words in KINDS.items():
        # A password changes nothing, and beside sound the server does not start numbered pictures.
        if only not in (None, name) or {"--login", "--audio"} & {*words}:
            continue
        with GStreamerCamera(*words, "--numbered") as camera:
            theirs = ages(camera.url(), seconds, _age)
        with RtspCamera(size=(320, 240), fps=RATE) as own:

            def of_own(image: Image, now: float, own: RtspCamera = own) -> float:
                newest = int((now - own.began) * own.fps)
                taken = newest - (newest - number_of(image)) % COUNT
                return now - own.began - taken / own.fps

            ours = ages(own.url(), seconds, of_own)
        cells = [
            f"{1000 * at:.0f} ms"
            for one in (theirs, ours)
            for at in (statistics.median(one), statistics.quantiles(one, n=20)[-1])
        ]
        print(f"| {name} | {len(theirs)} | {' | '.join(cells)} |", flush=True)


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
    ask.add_argument("--ages", type=float, metavar="SECONDS")
    args = ask.parse_args()
    if not installed():
        raise SystemExit("GStreamer's RTSP server is not here, see tests/gstreamer.py")
    logging.disable()
    if args.ages:
        compare_ages(args.ages, args.only)
        return
    print("| stream | first picture | of ours | in the 3 s after | killed | stopped | ended |")
    print("|---|---|---|---|---|---|---|")
    for name, words in KINDS.items():
        if args.only not in (None, name):
            continue
        login = "--login" in words
        with GStreamerCamera(*words) as camera:
            waits, own, counts = first(camera, login, max(1, args.times // 4))
            cells = [_words(waits), _words(own), f"{min(counts)} to {max(counts)}"]
            for how in ("killed", "stopped", "ended"):
                cells.append(_words(returns(camera, login, args.times, how)))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(figures())


def _words(waits: list[float]) -> str:
    if not waits:
        return ""
    return f"{statistics.median(waits):.2f}, at most {max(waits):.2f} s"


if __name__ == "__main__":
    main()
