"""The memory of a run over time, for every kind of source: python -m tests.bench.memory

    python -m tests.bench.memory [--seconds 150] [--only one-by-one] [--report 60]

Each is the program itself, endless, with the web page served and all lines written; a webcam's way
is that of the network cameras behind its driver. Prints the resident memory a minute after the
first result (or at half of the time, if that is less), the most and the last after it, and by how
much it grew.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import cv2

from tests.cameras import NetworkCamera, RtspCamera, TransportCamera
from tests.conftest import DATA, ROOT
from tests.gstreamer import GStreamerCamera, installed

SETTLED = 60.0  # seconds
HEADER = 5000  # bytes that the first line has at most
MODEL = ("--model", "pafnet", "--height", "128")
VIDEO = DATA / "video" / "one-by-one.mp4"
SHELF = DATA / "shelf-dev"


@dataclass
class Kind:
    """A kind of source. words: of the command line, with cameras entered on the stack."""

    name: str
    words: Callable[[ExitStack, Path], list[object]]


def _photos(_: ExitStack, folder: Path) -> list[object]:
    """Pictures of the clip, 60 of them, again and again."""
    capture = cv2.VideoCapture(str(VIDEO))
    (folder / "photos").mkdir()
    for n in range(60):
        found, picture = capture.read()
        if found:
            cv2.imwrite(str(folder / "photos" / f"{n:03d}.jpg"), picture)
    return ["--source", folder / "photos", "--loop", *MODEL]


def _camera(kind: type[NetworkCamera]) -> Callable[[ExitStack, Path], list[object]]:
    def words(stack: ExitStack, _: Path) -> list[object]:
        camera = stack.enter_context(kind(size=(320, 240)))
        return ["--source", camera.url(), *MODEL]

    return words


def _gstreamer(stack: ExitStack, _: Path) -> list[object]:
    return ["--source", stack.enter_context(GStreamerCamera("--audio")).url(), *MODEL]


def _rig(_: ExitStack, folder: Path) -> list[object]:
    """People in 3D, with journal and table."""
    sources = [word for n in range(5) for word in ("--source", SHELF / f"cam{n}")]
    return [
        *(*sources, "--rig", SHELF / "rig.toml", "--loop", "--realtime", "--camera-fps", "25"),
        *("--trc", folder / "walk.trc", "--csv", folder / "a.csv", "--json3d", folder / "json3d"),
    ]


KINDS = [
    Kind("one-by-one", lambda *_: ["--source", VIDEO, "--loop", *MODEL]),
    Kind(
        "video-out", lambda _, out: ["--source", VIDEO, "--loop", *MODEL, "--output", out / "v.mp4"]
    ),
    Kind("photos", _photos),
    Kind("json", lambda *_: ["--source", SHELF / "cam0", "--loop", "--realtime"]),
    Kind("rig", _rig),
    Kind("mjpeg", _camera(NetworkCamera)),
    Kind("mpegts", _camera(TransportCamera)),
    Kind("rtsp", _camera(RtspCamera)),
    *([Kind("gstreamer", _gstreamer)] if installed() else []),
]


def resident(pid: int) -> float:
    """MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


def samples(
    command: list[str], lines: Path, seconds: float, report: float
) -> Iterator[tuple[float, float]]:
    """(seconds, MB) once a second, from the first result in the file of lines on."""
    environment = {**os.environ, "POSE_WEIGHTS": str(DATA / "models"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None and not (lines.exists() and lines.stat().st_size > HEADER):
            time.sleep(0.1)
        began = time.monotonic()
        for tick in count(1):
            time.sleep(max(0.0, began + tick - time.monotonic()))
            now = time.monotonic() - began
            if process.poll() is not None:
                raise SystemExit(f"the run ended after {now:.0f} s: {' '.join(command)}")
            mb = resident(process.pid)
            if report and tick % report == 0:
                print(f"  {now:5.0f} s {mb:6.0f} MB", flush=True)
            yield now, mb
            if now >= seconds:
                return
    finally:
        process.kill()
        process.wait()


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--seconds", type=float, default=150)
    ask.add_argument("--report", type=float, default=0)
    ask.add_argument("--only", choices=[kind.name for kind in KINDS])
    args = ask.parse_args()
    print("| source | MB after the first minute | most | last | grown by |\n|---|---|---|---|---|")
    for kind in KINDS:
        if args.only not in (None, kind.name):
            continue
        folder = Path(tempfile.mkdtemp())
        with ExitStack() as stack:
            command = [sys.executable, "run.py", *kind.words(stack, folder), "--no-show", "--quiet"]
            command += ["--serve", port(), "--jsonl", folder / "a.jsonl"]
            words = [str(word) for word in command]
            found = [*samples(words, folder / "a.jsonl", args.seconds, args.report)]
        with suppress(OSError):
            shutil.rmtree(folder)
        settled = [mb for now, mb in found if now > min(SETTLED, args.seconds / 2)]
        first, most, last = settled[0], max(settled), settled[-1]
        share = 100 * (most / first - 1)
        print(
            f"| {kind.name} | {first:.0f} | {most:.0f} | {last:.0f} | {share:.1f} % |", flush=True
        )


if __name__ == "__main__":
    main()
