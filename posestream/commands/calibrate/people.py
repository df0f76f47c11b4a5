"""A rig from people who walk about: no board."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from calibration.disk.same_file import check_apart
from calibration.files.atomic import check_free
from calibration.files.rig_toml import read_rig, write_rig
from calibration.geometry.camera import Camera
from calibration.geometry.errors import CalibrationError
from calibration.people.extrinsics import locate_lenses, locate_people
from calibration.people.observations import Crowd
from calibration.people.scale_and_floor import height, scaled, stood
from calibration.reports.people_rig import people_report
from calibration.sync.people_lags import in_time
from calibration.sync.resampling import together
from engines.console.status_line import working
from posestream.commands.calibrate.extrinsics import named_apart, read_timestamps
from realtime.footage.people_footage import FootageOptions, chosen, record, unmeasured, watch
from realtime.footage.recording_lags import by_sound, words


@dataclass(frozen=True)
class Options:
    """Calibrate the poses of cameras from people who walk in front of them."""

    source: tuple[str, ...]
    """One per camera: a video or a folder of OpenPose JSON; synchronised, or with --sync."""
    output: Path
    """The rig file to write, a .toml."""
    intrinsics: tuple[Path, ...] = ()
    """One camera file per --source, in the same order, or one rig file with all cameras. Without it
    the lenses are estimated too, which is much less accurate."""
    camera_size: str | None = None
    """Size of the pictures that OpenPose JSON was made from, WIDTHxHEIGHT; only without
    --intrinsics."""
    height_of: float | None = None
    """Mean height of the people in metres; sets the scale."""
    distance: tuple[str, str, float] | None = field(
        default=None, metadata={"metavar": "CAMERA CAMERA X"}
    )
    """Two cameras (by name, or by number from 0) and the metres between them; sets the scale."""
    timestamps: Path | None = None
    """Table of sync_index, cam_id, frame_index, as written by --record. Without it, frames are
    paired by time."""
    sync: Literal["people", "audio"] | None = None
    """Synchronise recordings that started at different times, by the motion of people or by audio.
    Offsets are written to the rig file, for run.py."""
    footage: FootageOptions = field(default_factory=FootageOptions)
    force: bool = False
    """Replace an existing file; it is kept as .bak."""


def run(options: Options) -> None:
    """The rig file, and how well all fits."""
    _check(options)
    check_free(options.output, force=options.force, ending=".toml")
    check_apart(
        [options.output],
        {
            "--source": options.source,
            "--intrinsics": options.intrinsics,
            "--timestamps": filter(None, [options.timestamps]),
        },
    )
    if options.intrinsics:
        cameras = [camera for path in options.intrinsics for camera in read_rig(path).cameras]
        cameras = named_apart(chosen(cameras, len(options.source), options.intrinsics))
    else:
        cameras = named_apart(unmeasured(options.source, options.camera_size))
    ends = _ends(options, [camera.name for camera in cameras])
    keypoints, crowds, offsets = _seen(options, cameras)
    locate = locate_people if options.intrinsics else locate_lenses
    with working("matching people between cameras"):
        found = locate(cameras, crowds)
    tall = height(found.xyz, keypoints)
    if ends is not None and options.distance is not None:
        apart = float(np.linalg.norm(found.rig.centres[ends[0]] - found.rig.centres[ends[1]]))
        factor = options.distance[2] / apart
    elif not np.isfinite(tall):
        raise CalibrationError(
            "Nobody is seen from ankles to head often enough for --height-of; measure the "
            "distance between two cameras and give --distance."
        )
    else:
        assert options.height_of is not None
        factor = options.height_of / tall
    rig, _ = stood(scaled(found.rig, factor), factor * found.xyz, keypoints)
    write_rig(rig, options.output, force=options.force, offsets=offsets)
    sys.stdout.write(people_report(found, rig, factor * tall) + f"{options.output}\n")


def _seen(
    options: Options, cameras: list[Camera]
) -> tuple[tuple[str, ...], Sequence[Crowd], dict[str, float]]:
    """Names of keypoints, people at common instants, and seconds to add to the cameras' times."""
    if options.sync is None:
        synced = None
        if options.timestamps is not None:
            synced = read_timestamps(options.timestamps, len(cameras))
        seen = watch(options.source, cameras, options.footage, synced)
        return seen.keypoints, seen.crowds, {}
    heard = by_sound(options.source) if options.sync == "audio" else None
    keypoints, recordings = record(options.source, cameras, options.footage)
    with working("synchronising recordings"):
        behind, sigmas = (heard, None) if heard else in_time(cameras, recordings)
    for n in range(1, len(cameras)):
        rate = options.footage.step / recordings[n].period
        line = words(cameras[n].name, cameras[0].name, behind[n], rate)
        if sigmas is not None:
            line += f" (+- {sigmas[n] * rate:.2f} frames)"
        sys.stdout.write(line + "\n")
    offsets = {one.name: 0.0 - late for one, late in zip(cameras, behind, strict=True)}
    return keypoints, together(recordings, behind), offsets


def _check(options: Options) -> None:
    if len(options.source) < 2:
        raise CalibrationError("A rig needs at least two cameras; give one --source per camera.")
    if not options.intrinsics and options.sync == "people":
        raise CalibrationError(
            "--sync people needs --intrinsics; calibrate the lenses with `python -m "
            "calibration intrinsics`, or clap and use --sync audio."
        )
    if options.intrinsics and options.camera_size is not None:
        raise CalibrationError(
            "--camera-size does not go with --intrinsics, which contain the size; leave it out."
        )
    if options.sync is not None and options.timestamps is not None:
        raise CalibrationError(
            f"--sync {options.sync} does not go with --timestamps; leave one of them out."
        )
    if (options.height_of is None) == (options.distance is None):
        raise CalibrationError(
            "The scale is unknown; give either --height-of METRES (mean height of the people) "
            "or --distance CAMERA CAMERA METRES."
        )
    tall = options.height_of
    if tall is not None and not 0.5 <= tall <= 2.5:
        raise CalibrationError(
            f"--height-of {tall} is not a plausible height; give metres, such as 1.80."
        )


def _ends(options: Options, names: list[str]) -> tuple[int, int] | None:
    """Numbers of the two cameras of --distance."""
    if options.distance is None:
        return None
    *ends, metres = options.distance
    if not 0 < metres < np.inf:
        raise CalibrationError(f"--distance {metres} must be a positive number of metres.")
    found = []
    for end in ends:
        if end in names:
            found.append(names.index(end))
        elif end.isdecimal() and int(end) < len(names):
            found.append(int(end))
        else:
            raise CalibrationError(
                f"--distance names {end!r}, but the cameras are {', '.join(names)} (or 0 to "
                f"{len(names) - 1})."
            )
    if found[0] == found[1]:
        raise CalibrationError("--distance needs two different cameras.")
    return found[0], found[1]
