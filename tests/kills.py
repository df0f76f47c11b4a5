"""Real runs that are killed (SIGKILL) at seeded moments, and what is read back of their outputs.

Every file is read by somebody else than who wrote it. A frame counts as kept where the line of
JSON for it is whole; every other output must have it too, but for the one that was in the making,
and videos for what lies in their last half second.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from itertools import chain, cycle, islice
from pathlib import Path

import av
import cv2

from calibration.files.rig_toml import write_rig
from calibration.geometry.camera import Rig
from posestream.commands.files.main import main as posestream
from realtime.sinks.files.openpose_json_2d import openpose_json
from tests.bodies import body, sightings
from tests.calibration.cameras import ring
from tests.synth import person, scene, write_tiny_network, write_video
from tests.waiting import wait_for

ROOT = Path(__file__).parents[1]
FRAMES = 400  # more than any run gets to before it is killed
RATE = 30.0
YESTERDAY = '{"yesterday": true}\n'
IN_THE_MAKING = 2  # frames of one output that may lack of another
IN_THE_ENCODER = 2  # frames of a video of which nothing is to be seen yet
OF_A_VIDEO = 40  # frames: half a second that is not yet a fragment, and those in the encoder


@dataclass
class Remains:
    """What was left of a killed run: frames kept, and what is wrong with it."""

    seed: int
    frames: int = 0
    behind: dict[str, int] = field(default_factory=dict)  # frames that an output lacks
    wrong: list[str] = field(default_factory=list)


class Stage:
    """Sources for all runs in a folder: two cameras of keypoints with a rig, and a video."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rig = Rig(tuple(camera.scaled((320, 180)) for camera in ring(2, radius=5).cameras))
        write_rig(rig, folder / "rig.toml")
        self.cameras = [camera.name for camera in rig.cameras]
        texts = []
        for n in range(30):
            people = [body((-1 + n / 30, 0.6), phase=n / 4), body((1, -0.4), phase=n / 5)]
            views = sightings(rig, people)
            texts.append([openpose_json(view.tracks) for view in views if view])
        there_and_back = cycle(chain(texts, reversed(texts)))
        for name in self.cameras:
            (folder / name).mkdir()
        for n, views in enumerate(islice(there_and_back, FRAMES)):
            for name, text in zip(self.cameras, views, strict=True):
                (folder / name / f"{n:06d}_keypoints.json").write_text(text)
        size = (160, 96)
        pictures = [scene([person((60 + n, 50), 80)], size) for n in range(40)]
        times = [n / RATE for n in range(FRAMES)]
        write_video(folder / "clip.mkv", [*islice(cycle(pictures), FRAMES)], times)
        self.card = write_tiny_network(folder / "net", height=96)

    def command(self, out: Path, rng: random.Random) -> list[str]:
        """A run over every output that goes with its sources."""
        ending = rng.choice([".mp4", ".mkv", ".avi"])
        both = ["--coco", out / "a.coco.json", "--mot", out / "a.txt", "--jsonl", out / "a.jsonl"]
        both += ["--csv", out / "a.csv", "--stats", out / "stats.json", "--json", out / "json"]
        if rng.random() < 0.5:
            source = ["--source", self.folder / "clip.mkv", "--model", self.card]
            own = ["--heatmaps", out / "maps", "--record", out / "rec", "--angles"]
            own += ["--output", rng.choice([out / f"v{ending}", out / "pictures"])]
        else:
            source = [w for name in self.cameras for w in ("--source", self.folder / name)]
            own = ["--rig", self.folder / "rig.toml", "--camera-fps", int(RATE), "--mosaic"]
            own += ["--output", out / f"v{ending}", "--json3d", out / "json3d"]
            for one in ("trc", "bvh", "c3d"):
                own += [f"--{one}", out / f"walk.{one}"]
        words = [sys.executable, ROOT / "run.py", "--no-show", "--quiet", *source, *both, *own]
        return [str(word) for word in words]


def kill(stage: Stage, out: Path, seed: int) -> Remains:
    """A run over the files of yesterday, killed at a moment that the seed chooses."""
    rng = random.Random(seed)
    out.mkdir()
    for name in ("stats.json", "a.coco.json", "a.jsonl", "a.csv", "a.txt", "walk_person0.trc"):
        (out / name).write_text(YESTERDAY)
    command = stage.command(out, rng)
    with (out / "said").open("w") as said:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=said, stderr=said, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        try:
            lines = out / "a.jsonl"
            if rng.random() < 0.1:  # while it starts, or just after
                time.sleep(rng.uniform(0, 3))
            else:
                wanted = rng.randrange(2, 150)
                wait_for(
                    lambda: lines.read_bytes().count(b"\n") > wanted or process.poll() is not None,
                    progress=lambda: lines.stat().st_size,
                )
                time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.wait()
    left = Remains(seed)
    if process.returncode != -signal.SIGKILL:
        left.wrong.append(f"ended by itself: {(out / 'said').read_text()[-300:]}")
    _read_back(left, out, sources=2 if "--rig" in command else 1)
    return left


def _read_back(left: Remains, out: Path, sources: int) -> None:
    def check(what: str, read: Callable[[], int | None], slack: int = IN_THE_MAKING) -> None:
        """read: gives how many frames there are, None where it is the file of yesterday."""
        try:
            count = read()
        except Exception as error:  # noqa: BLE001 - whatever a reader says is what is wrong
            left.wrong.append(f"{what}: {type(error).__name__}: {str(error)[:150]}")
            return
        lacks = left.frames if count is None else left.frames - count
        left.behind[what] = max(0, lacks)
        if lacks > slack:
            left.wrong.append(f"{what}: {count} of {left.frames} frames")

    if (out / "a.jsonl").read_text() == YESTERDAY:
        _untouched(left, out)
        return
    left.frames = _json_lines(left, out / "a.jsonl", sources)
    check("csv", lambda: _table(out / "a.csv", "source", sources))
    check("mot", lambda: _mot(out, sources), IN_THE_MAKING + 4)  # people have no ids at first
    check("coco", lambda: _coco(out, sources))
    check("json", lambda: _each(out / "json", "_keypoints.json", _people, sources))
    check("stats", lambda: left.frames if _whole(out / "stats.json") else 0)
    for path in out.glob("v.*"):
        if left.frames > IN_THE_ENCODER:
            check(path.suffix, lambda path=path: _video(path), OF_A_VIDEO)  # type: ignore[misc]
    if (out / "pictures").is_dir():
        check("pictures", lambda: _each(out / "pictures", ".jpg", _picture, 1))
    if sources == 1:
        check("heatmaps", lambda: _each(out / "maps", ".png", _picture, 1))
        if left.frames > IN_THE_ENCODER:
            check("record", lambda: _recorded(out / "rec"), OF_A_VIDEO)
    else:
        check("json3d", lambda: _each(out / "json3d", "_keypoints.json", _people, 1))
        check("csv3d", lambda: _table(out / "a_3d.csv", "", 1))
        if left.frames > 4:  # before that nobody is in 3D
            check("takes", lambda: _takes(out))
    parts = [*out.rglob(".posestream-*.part")]
    if len(parts) > 1:
        left.wrong.append(f"{len(parts)} unfinished files are left")


def _untouched(left: Remains, out: Path) -> None:
    """Killed before the first frame: what was there is as it was."""
    for name in ("stats.json", "a.csv", "a.txt", "walk_person0.trc"):
        if (out / name).read_text() != YESTERDAY and name in ("stats.json", "walk_person0.trc"):
            left.wrong.append(f"{name} of yesterday is gone")


def _recover(path: Path) -> None:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        code = posestream(["recover", str(path)])
    if code != 0:
        raise ValueError(f"{path.name} cannot be recovered")


def _json_lines(left: Remains, path: Path, sources: int) -> int:
    _recover(path)
    head, *lines = map(json.loads, path.read_text().splitlines())
    names = [one["name"] if isinstance(one, dict) else one for one in head["sources"]]
    own = [[line["index"] for line in lines if line["source"] == name] for name in names]
    if len(own) != sources or any(one != [*range(len(one))] for one in own):
        left.wrong.append("jsonl: frames are missing or out of order")
    return min(map(len, own))


def _table(path: Path, source: str, sources: int) -> int:
    _recover(path)
    with path.open(newline="") as file:
        rows = [*csv.DictReader(file)]
    key = "index" if source else "instant"
    numbers = [int(row[key]) for row in rows]
    if sources == 1 and numbers != sorted(numbers):
        raise ValueError("rows are out of order")
    return max(numbers, default=-1) + 1


def _own(path: Path, sources: int) -> list[Path]:
    """The files of all sources."""
    if sources == 1:
        return [path]
    return [*path.parent.glob(f"{path.stem}_cam*{path.suffix}")]


def _mot(out: Path, sources: int) -> int:
    counts = []
    for path in _own(out / "a.txt", sources):
        text = path.read_text()
        rows = [line.split(",") for line in text[: text.rfind("\n") + 1].splitlines()]
        if any(len(row) != 10 for row in rows):
            raise ValueError("torn lines")
        counts.append(max((int(row[0]) for row in rows), default=0))
    return min(counts)


def _coco(out: Path, sources: int) -> int:
    return min(
        max((one["image_id"] for one in json.loads(path.read_text())), default=-1) + 1
        for path in _own(out / "a.coco.json", sources)
    )


def _each(folder: Path, ending: str, read: Callable[[Path], object], sources: int) -> int:
    folders = [folder] if sources == 1 else [*folder.iterdir()]
    counts = []
    for one in folders:
        paths = sorted(path for path in one.iterdir() if path.name.endswith(ending))
        for path in paths:
            read(path)
        counts.append(len(paths))
    return min(counts)


def _people(path: Path) -> object:
    return json.loads(path.read_text())["people"]


def _picture(path: Path) -> object:
    if cv2.imread(str(path), cv2.IMREAD_UNCHANGED) is None:
        raise ValueError(f"{path.name} is no picture")
    return path


def _whole(path: Path) -> bool:
    return path.read_text() == YESTERDAY or "ended" in json.loads(path.read_text())


def _video(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def _recorded(folder: Path) -> int:
    """As the table and the video both say it; the table may be ahead of the video."""
    frames = _video(folder / "clip.mp4")
    text = (folder / "timestamps.csv").read_text()
    rows = list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))
    if [int(row["frame_index"]) for row in rows] != [*range(len(rows))]:
        raise ValueError("rows of timestamps.csv are missing")
    return min(frames, len(rows))


def _takes(out: Path) -> int:
    """Through the command, and what it makes."""
    _recover(out / "walk.takes")
    frames = []
    for path in out.glob("walk_person[1-9]*.trc"):
        head, *rows = path.read_text().splitlines()[2:]
        first, count = int(head.split("\t")[6]), int(head.split("\t")[2])
        if len(rows) != 3 + count or int(rows[-1].split("\t")[0]) != first + count - 1:
            raise ValueError(f"{path.name} has {len(rows)} rows for {count} frames")
        frames.append(first + count - 1)
    if not (out / "walk.c3d").exists() or not [*out.glob("walk_person*.bvh")]:
        raise ValueError("no C3D or BVH")
    return max(frames, default=0)


def kills(folder: Path, seeds: Iterable[int]) -> Iterator[Remains]:
    """Many, one after the other."""
    stage = Stage(folder)
    for seed in seeds:
        yield kill(stage, folder / f"out{seed}", seed)
