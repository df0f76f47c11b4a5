"""A batch on a Ray cluster of two simulated machines beside single runs of the same files.

    python -m tests.bench.batch [--files 40] [--frames 24] [--model human-pose-estimation-0001]

The files are cut from the clips of the test data. Each is a run of the command of its own first;
then `posestream batch --ray` makes all of them, on two machines of one core each, and once more
while one of the two machines is killed in the middle. Results are compared byte for byte, but for
when and how long; the Parquet files are read as one data set. Speed is told as processor time, of
all processes (Ray's own too), which other work on the machine hardly touches, and as time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from threading import Event, Thread
from typing import Any

from posestream.main import main as command
from tests.conftest import DATA, ROOT, with_weights

CLIPS = ("one-by-one.mp4", "street.avi", "webcam-walk.mkv", "webcam-want.mkv")
MAKE = {"csv": "poses.csv", "json": "json", "mot": "mot.txt", "coco": "coco.json"}
MAKE |= {"jsonl": "poses.jsonl", "parquet": "poses.parquet"}
REFINE = ROOT / "tests" / "cards" / "movenet-lightning.toml"
TIMES = ("started", "latency", "seconds", "infer", "people")  # of JSONL's lines
TICK = os.sysconf("SC_CLK_TCK")


def cut(folder: Path, files: int, frames: int) -> list[Path]:
    """Short videos, in turn of each clip, from where the one before ended."""
    import av
    import cv2  # noqa: F401  # before av, as in realtime/__init__.py

    opened = [av.open(str(DATA / "video" / name)) for name in CLIPS]
    pictures = [one.decode(video=0) for one in opened]
    made: list[Path] = []
    turn = 0
    while len(made) < files:
        which = turn % len(CLIPS)
        turn += 1
        some = list(islice(pictures[which], frames))
        if len(some) < frames:
            continue
        path = folder / f"{len(made):02d}-{Path(CLIPS[which]).stem}.mp4"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = some[0].width, some[0].height, "yuv420p"
            for n, picture in enumerate(some):
                picture.pts, picture.time_base = n, stream.time_base or picture.time_base
                out.mux(stream.encode(av.VideoFrame.from_image(picture.to_image())))
            out.mux(stream.encode())
        made.append(path)
    for one in opened:
        one.close()
    return made


def options(model: str) -> list[str]:
    return ["--model", model, "--refine", str(REFINE)]


def single(path: Path, folder: Path, model: str) -> None:
    folder.mkdir(parents=True)
    words = [str(path), "-q", "--no-show", *options(model)]
    words += [word for kind, name in MAKE.items() for word in (f"--{kind}", str(folder / name))]
    done = subprocess.run(
        [sys.executable, "-m", "posestream", *words], cwd=ROOT, env=with_weights(), check=False
    )
    assert done.returncode == 0, path


def family() -> Iterator[tuple[int, float]]:
    """Every process below this one and the processor seconds of it and of what it waited for."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for one in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            number = int(one.name)
            words = (one / "stat").read_text().rpartition(")")[2].split()
            parents[number] = int(words[1])
            used[number] = sum(map(int, words[11:15])) / TICK
    for number in used:
        at = number
        while at in parents and at != os.getpid():
            at = parents[at]
        if at == os.getpid():
            yield number, used[number]


@contextmanager
def machines(cores: Sequence[int]) -> Iterator[tuple[Any, list[Any]]]:
    import ray
    from ray.cluster_utils import Cluster

    simulated = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [simulated.add_node(num_cpus=one) for one in cores]
    simulated.wait_for_nodes()
    try:
        yield simulated, nodes
    finally:
        ray.shutdown()
        simulated.shutdown()


def batch(videos: Path, output: Path, model: str, *more: str) -> None:
    words = ["batch", f"{videos}/*", "-o", str(output), *options(model), "--make", *MAKE, *more]
    assert command(words) == 0


def measured(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds, and processor seconds of all processes below this one and itself."""
    before, began = dict(family()), time.monotonic()

    work()
    seconds = time.monotonic() - began
    after = sum(used - before.get(number, 0.0) for number, used in family())

    return seconds, after


def told(path: Path) -> object:
    """What a file says, without when it was made and how long that took."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_table(path).to_pylist()
    if path.suffix != ".jsonl":
        return path.read_bytes()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: value for name, value in one.items() if name not in TIMES} for one in lines]


def same(one: Path, other: Path) -> int:
    """How many files of results are the same; AssertionError where one is not."""
    names = sorted(
        path.relative_to(one) for path in one.rglob("*") if path.is_file() and path.suffix
    )
    for name in names:
        assert told(one / name) == told(other / name), name
    made = {
        path.relative_to(other)
        for path in other.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert made == {*names}
    return len(names)


def killer(simulated: Any, node: Any, output: Path, after: int, over: Event) -> None:
    """Kill a machine when so many recordings are done."""
    while not over.wait(0.05):
        if len(list(output.glob("*/manifest.json"))) >= after:
            simulated.remove_node(node)
            print(f"a machine was killed after {after} recordings", flush=True)
            return


def main() -> None:
    """Print what was compared, and the speeds."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.formatter_class = argparse.RawDescriptionHelpFormatter
    ask.add_argument("--files", type=int, default=40)
    ask.add_argument("--frames", type=int, default=24)
    ask.add_argument("--model", default="human-pose-estimation-0001")
    given = ask.parse_args()
    os.environ.update(with_weights())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos = folder / "videos"
        videos.mkdir()
        paths = cut(videos, given.files, given.frames)
        frames = given.frames * len(paths)
        print(f"{len(paths)} files of {given.frames} frames", flush=True)

        def singly() -> None:
            for path in paths:
                single(path, folder / "single" / path.stem, given.model)

        figures = {"single runs": measured(singly)}
        figures["batch in one process"] = measured(
            lambda: batch(videos, folder / "local", given.model, "-q")
        )
        with machines((1, 1)) as (simulated, nodes):
            figures["batch on two machines"] = measured(
                lambda: batch(videos, folder / "ray", given.model, "--ray", simulated.address)
            )
        with machines((1, 1)) as (simulated, nodes):
            over = Event()
            arguments = (simulated, nodes[0], folder / "killed", len(paths) // 2, over)
            kills = Thread(target=killer, args=arguments)
            kills.start()
            batch(videos, folder / "killed", given.model, "--ray", simulated.address, "-q")
            over.set()
            kills.join()
        for made in ("local", "ray", "killed"):
            files = sum(
                same(folder / "single" / one.stem, folder / made / one.stem) for one in paths
            )
            print(f"{made}: {files} files are those of the single runs")
        import pyarrow.dataset as ds

        table = ds.dataset(sorted(map(str, (folder / "ray").rglob("poses.parquet")))).to_table(
            columns=["__filename", "frame", "keypoint"]
        )
        print(f"one Parquet data set: {table.num_rows} rows of {len(paths)} files")
        for what, (seconds, processor) in figures.items():
            ratio = figures["single runs"][1] / processor
            print(
                f"{what}: {frames / seconds:.1f} frames/s, {1e3 * processor / frames:.1f} ms of "
                f"processor time a frame (x{ratio:.2f} of single runs)"
            )


if __name__ == "__main__":
    main()
