"""Several network cameras at once: how well their pictures pair, what is dropped, what comes out.

    python -m tests.bench.cameras [--cameras 4] [--seconds 20] [--precision int8]

RTSP cameras of 640x480 at 30 fps on the loopback, in a process of their own, each running free.
Every picture shows its number, and so when it was taken: what is printed of pairs and ages is by
that, not by our own stamps. The whole program runs with --json and --stats; each camera's files
are compared with the results.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from realtime.assembly import stream
from realtime.types.results import Result
from tests.cameras import COUNT, RtspCamera, number_of
from tests.conftest import DATA
from tests.realtime.wanted import settings

FPS = 30
SETTLE = 15  # results that wait for the network to be compiled, and for the clocks to be learnt


def serve(count: int) -> None:
    """Cameras that film until stdin ends; prints the address of each and when it began."""
    with ExitStack() as stack:
        for _ in range(count):
            camera = stack.enter_context(RtspCamera(fps=FPS, size=(640, 480)))
            print(json.dumps([camera.url(), camera.began]), flush=True)
        sys.stdin.read()


def counts(result: Result, began: Sequence[float], now: float) -> list[int | None]:
    """Which of their pictures the cameras show in a result, counted from when they began."""
    found: list[int | None] = []
    for view, start in zip(result.views, began, strict=True):
        latest = int((now - start) * FPS)
        shown = view and latest - (latest - number_of(view.frame.image)) % COUNT
        found.append(shown)
    return found


def measure(cameras: Sequence[tuple[str, float]], seconds: float, precision: str) -> None:
    """Run the program on them for a while and print what it made of them."""
    began = [start for _, start in cameras]
    spreads, offs, ages, alone = [], [], [], 0
    names: list[set[str]] = [set() for _ in cameras]
    seen: list[list[int]] = [[] for _ in cameras]
    used = resource.getrusage(resource.RUSAGE_SELF)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {"json": folder / "json", "stats": folder / "s.json"}
        results = stream(settings(*(url for url, _ in cameras), precision=precision, **files))
        end = time.monotonic() + seconds
        for n, result in enumerate(results):
            now = time.monotonic()
            shown = counts(result, began, now)
            for camera, (view, count) in enumerate(zip(result.views, shown, strict=True)):
                if view is not None and count is not None:
                    names[camera].add(f"{view.frame.name}_keypoints.json")
                    seen[camera].append(count)
            if n >= SETTLE:
                moments = [
                    start + count / FPS
                    for start, count in zip(began, shown, strict=True)
                    if count is not None
                ]
                alone += len(moments) < len(cameras)
                spreads.append(max(moments) - min(moments))
                middle = (max(moments) + min(moments)) / 2
                offs.append(max(abs(moment - middle) for moment in moments))
                ages.append(now - min(moments))
            if now > end:
                break
        results.close()
        stats = json.loads((folder / "s.json").read_text())
        files = [
            {path.name for path in (folder / "json" / source["name"]).iterdir()}
            for source in stats["sources"]
        ]
    spent = resource.getrusage(resource.RUSAGE_SELF)
    processor = spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime
    print(
        f"{stats['results']} results at {stats['fps']} a second of {len(cameras)} cameras, "
        f"{alone} without one of them; {1000 * processor / stats['results']:.1f} ms of processor "
        f"time each"
    )
    print(
        f"from the first to the last picture of a result: {_spread(spreads)} ms; from their "
        f"middle: {_spread(offs)} ms; within half a frame of it "
        f"{sum(off <= 0.5 / FPS for off in offs)} of {len(offs)}"
    )
    print(f"age of the oldest picture: {_spread(ages)} ms")
    dropped = [source["dropped"] for source in stats["sources"]]
    missing = [one[-1] - one[0] + 1 - len(one) for one in seen]
    print(
        f"{stats['dropped']} instants dropped; frames dropped of each camera: {dropped}, by what "
        f"the pictures show: {missing}"
    )
    results_of = [source["frames"] for source in stats["sources"]]
    whole = files == names and results_of == list(map(len, files))
    print(
        f"JSON files of each camera: {list(map(len, files))}, results {results_of}: "
        f"{'complete' if whole else 'NOT COMPLETE'}"
    )
    for stage, figures in stats["stages"].items():
        print(f"{stage}: median {1000 * figures['p50']:.1f} ms, p95 {1000 * figures['p95']:.1f} ms")


def _spread(values: Sequence[float]) -> str:
    cut = statistics.quantiles(values, n=20)
    return (
        f"median {1000 * statistics.median(values):.1f}, p95 {1000 * cut[-1]:.1f}, most "
        f"{1000 * max(values):.1f}"
    )


def main() -> None:
    """Print it all."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--cameras", type=int, default=4)
    ask.add_argument("--seconds", type=float, default=20)
    ask.add_argument("--precision", default="int8", choices=("fp32", "bf16", "int8"))
    ask.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = ask.parse_args()
    if args.serve:
        serve(args.cameras)
        return
    os.environ.setdefault("POSE_WEIGHTS", str(DATA / "models"))
    command = [sys.executable, "-m", "tests.bench.cameras", "--serve"]
    with subprocess.Popen(
        [*command, "--cameras", str(args.cameras)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        cameras = [json.loads(process.stdout.readline()) for _ in range(args.cameras)]
        measure(cameras, args.seconds, args.precision)
        process.stdin.close()


if __name__ == "__main__":
    main()
