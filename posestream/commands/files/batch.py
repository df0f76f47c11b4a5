"""The command that works through many recordings."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Literal

from calibration.disk.replace import replace_file
from engines.nvidia.open import choose
from posestream.batch.local import run_here
from posestream.batch.plan import Plan, plan
from posestream.batch.recordings import recordings
from posestream.batch.work import Job, Outcome
from realtime.settings.model import ModelSettings
from realtime.settings.tracking import TrackSettings
from realtime.types.errors import OutputError, SettingsError
from realtime.writing.whole_files import check_folder

Kind = Literal[
    "jsonl",
    "csv",
    "parquet",
    "json",
    "coco",
    "mot",
    "output",
    "stats",
    "json3d",
    "trc",
    "c3d",
    "bvh",
    "glb",
]
FAILURES = "failures.json"
SOME_FAILED = 4


@dataclass(frozen=True)
class BatchSettings:
    """The recordings, and what to make of each."""

    recordings: tuple[str, ...] = field(metadata={"rest": True, "short": "s"})
    """Videos, folders of pictures, or quoted patterns such as 'videos/**/*.mp4'. A folder that
    holds rig.toml and a video of each camera is one recording in 3D."""
    output: Path = field(metadata={"short": "o"})
    """Folder of the results: videos/day1/walk.mp4 goes to OUTPUT/day1/walk/."""
    make: tuple[Kind, ...] = field(default=("jsonl", "stats"), metadata={"values": True})
    """What to write for each, by the options' names of a single run."""
    rig: Path | None = None
    """Calibration of all recordings, for folders without a rig.toml of their own."""
    again: bool = False
    """Make all results anew, whatever is there."""
    retries: int = 2
    """Try a recording that failed so many times again."""
    ray: str | None = None
    """Work on a Ray cluster: ray://HOST:10001, or auto for the one on this machine, which is
    started if need be. All machines must see the same files by the same paths."""
    divide: float = 10.0
    """With --ray, where there are fewer recordings than workers, divide videos into parts of so
    many minutes at least; 0 = never. The results are the same."""
    quiet: bool = field(default=False, metadata={"short": "q"})
    """Print failures only."""

    def __post_init__(self) -> None:
        if not 0 <= self.divide < inf:
            raise SettingsError(f"--divide must be 0 or more minutes, not {self.divide:g}.")
        if self.retries < 0:
            raise SettingsError(f"--retries must be 0 or more, not {self.retries}.")


@dataclass(frozen=True)
class Options:
    """Find the poses in many recordings, into a folder of results for each.

    Run it again, and only recordings are worked on that are new or have changed, or whose results
    other settings or another version made. One that fails is tried again and then left out; the
    others go on. Exit code 4 says that some failed.
    """

    batch: BatchSettings
    models: ModelSettings = field(default_factory=ModelSettings)
    tracks: TrackSettings = field(default_factory=TrackSettings)


def run(options: Options) -> int:
    """0 where the results of all recordings stand, 4 where some failed."""
    batch = options.batch
    found = recordings(batch.recordings, batch.rig)
    check_folder(batch.output, "--output")
    todo = plan(found, batch.output, batch.make, options.models, options.tracks, again=batch.again)
    failed: list[Outcome] = []
    began, frames = time.monotonic(), 0
    with closing(_outcomes(todo, batch)) as outcomes:
        for n, one in enumerate(outcomes, 1):
            frames += one.frames
            if one.error is not None:
                failed.append(one)
                _say(f"[{n}/{len(todo.jobs)}] {one.name} failed: {one.error}")
            elif not batch.quiet:
                left = (time.monotonic() - began) / n * (len(todo.jobs) - n)
                _say(
                    f"[{n}/{len(todo.jobs)}] {one.name}: {one.frames} frames in "
                    f"{one.seconds:.1f} s; {_duration(left)} left"
                )
    _list_failures(batch.output, failed)
    if not batch.quiet:
        _say(_summary(todo, failed, frames, time.monotonic() - began))
    return SOME_FAILED if failed else 0


def _outcomes(todo: Plan, batch: BatchSettings) -> Generator[Outcome, None, None]:
    if not todo.jobs:
        return
    if batch.ray is None:
        yield from run_here(todo.jobs, batch.retries)
        return
    from posestream.batch.cluster import Cluster

    with closing(Cluster(batch.ray, gpus=_on_gpu(todo.jobs))) as cluster:
        try:
            say = _be_quiet if batch.quiet else _say
            yield from cluster.run(todo.jobs, batch.retries, 60 * batch.divide or None, say)
        finally:
            for sentence in cluster.refused:
                _say(sentence)


def _on_gpu(jobs: Sequence[Job]) -> bool:
    """Whether the model would run on a GPU where there is one."""
    models = jobs[0].models
    return models.device != "cpu" and (models.device.startswith("cuda") or choose("auto") == "cuda")


def _list_failures(folder: Path, failed: Sequence[Outcome]) -> None:
    """For programs; no file where nothing failed."""
    path = folder / FAILURES
    try:
        if failed:
            listed = [
                {"recording": one.name, "error": one.error, "attempts": one.attempts}
                for one in failed
            ]
            replace_file(path, (json.dumps(listed, indent=2) + "\n").encode())
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from error


def _summary(todo: Plan, failed: Sequence[Outcome], frames: int, seconds: float) -> str:
    made = len(todo.jobs) - len(failed)
    words = [f"{made} recordings done ({frames} frames in {_duration(seconds)})"]
    if todo.done:
        words.append(f"{len(todo.done)} unchanged since an earlier batch")
    if failed:
        words.append(f"{len(failed)} failed, listed in {FAILURES}")
    return ", ".join(words) + "."


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _be_quiet(_: str) -> None: ...


def _say(sentence: str) -> None:
    sys.stderr.write(f"posestream: {sentence}\n")
    sys.stderr.flush()
