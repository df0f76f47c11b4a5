"""One recording's results: made beside, and put in place once they are whole."""

from __future__ import annotations

import shutil
import time
import traceback
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from calibration.geometry.errors import CalibrationError
from engines.answers.store import Answers
from engines.types.errors import EngineError
from posestream.batch.manifest import NAME as MANIFEST
from posestream.batch.manifest import Manifest
from posestream.batch.recordings import Recording
from realtime.assembly import stream
from realtime.settings.all import Settings
from realtime.settings.files import FileSettings
from realtime.settings.model import ModelSettings
from realtime.settings.sources import SourceSettings
from realtime.settings.space import SpaceSettings
from realtime.settings.tracking import TrackSettings
from realtime.settings.window import UNSEEN
from realtime.types.errors import OutputError, RealtimeError
from realtime.writing.whole_files import KEPT

# What may be made, by the name of the option of a run, and the file or folder that it goes to.
FILES = {
    "jsonl": "poses.jsonl",
    "csv": "poses.csv",
    "parquet": "poses.parquet",
    "json": "json",
    "coco": "coco.json",
    "mot": "mot.txt",
    "output": "poses.mp4",
    "stats": "stats.json",
    "json3d": "json3d",
    "trc": "poses.trc",
    "c3d": "poses.c3d",
    "bvh": "poses.bvh",
    "glb": "poses.glb",
}
PART, OLD = ".part", ".old"  # end names of folders that a killed batch leaves


@dataclass(frozen=True, slots=True)
class Job:
    """All that a worker needs for one recording; folder: of its results."""

    recording: Recording
    folder: Path
    make: tuple[str, ...]
    models: ModelSettings
    tracks: TrackSettings
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job went. error: a sentence where it failed; attempts: how many there were."""

    name: str
    frames: int = 0
    seconds: float = 0.0
    error: str | None = None
    attempts: int = 1


def work(job: Job, answers: Answers | None = None) -> Outcome:
    """Do it; what stood there before stays unless all went well. Never raises for a bad input.

    answers: what networks have said of parts of the recording.
    """
    name, began = job.recording.name, time.monotonic()
    part = _beside(job.folder, PART)
    try:
        _remove(part)
        part.mkdir(parents=True)
        frames = 0
        with closing(stream(settings_of(job, part), answers=answers)) as results:
            for _ in results:
                frames += 1
        seconds = time.monotonic() - began
        replace(job.manifest, frames=frames, seconds=round(seconds, 3)).write(part)
        _put_in_place(part, job.folder)
        return Outcome(name, frames, seconds)
    except (EngineError, RealtimeError, CalibrationError) as error:
        # Results go to their folder when they are whole, and are gone when they are not.
        why = str(error).replace(str(part), str(job.folder)).replace(KEPT, "")
    except OSError as error:
        why = f"{job.folder} cannot be written: {error.strerror or error}."
    except Exception as error:  # noqa: BLE001  # our fault, and none of the other recordings'
        why = f"An internal error, please report it: {traceback.format_exception_only(error)[-1]}"
    _remove(part)
    return Outcome(name, seconds=time.monotonic() - began, error=why.strip())


def settings_of(job: Job, part: Path) -> Settings:
    """Those of its run, which writes into a folder; SettingsError where options contradict."""
    paths: dict[str, Any] = {kind: part / FILES[kind] for kind in job.make}
    return Settings(
        SourceSettings(job.recording.sources),
        job.models,
        job.tracks,
        SpaceSettings(job.recording.rig),
        window=UNSEEN,
        files=FileSettings(**paths),
    )


def _put_in_place(part: Path, folder: Path) -> None:
    old = _beside(folder, OLD)
    _remove(old)
    if folder.exists():
        if not (folder / MANIFEST).is_file():
            raise OutputError(
                f"{folder} is there already, and holds no results of a batch; move it away or "
                "choose another --output."
            )
        folder.rename(old)
    part.rename(folder)
    _remove(old)


def _beside(folder: Path, ending: str) -> Path:
    return folder.with_name(f".{folder.name}{ending}")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
