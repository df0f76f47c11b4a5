"""A rig from people who walk about: no board."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from calibration.commands.extrinsics import named_apart, read_timestamps
from calibration.files.atomic import check_free
from calibration.files.rig_toml import read_rig, write_rig
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import CalibrationError
from calibration.people.extrinsics import PeopleExtrinsics, locate_lenses, locate_people
from calibration.people.observations import Crowd
from calibration.people.scale_and_floor import height, scaled, stood
from calibration.people.self_calibration import RigUncertainty
from calibration.sync.people_lags import in_time
from calibration.sync.resampling import together
from engines.console.status_line import working
from realtime.footage.people_footage import FootageOptions, chosen, record, unmeasured, watch
from realtime.footage.recording_lags import by_sound, words

# of the people that cameras share as a rule, below which a link is called weak (rule of thumb)
WEAK_LINK_SHARE = 0.4
# of a camera's people found in others, below which the verdict says so (rule of thumb)
FEW_MATCHED_SHARE = 0.5
POOR_ROTATION_SIGMA = np.radians(0.5)  # 0.5 degrees are 4 cm at 5 m


@dataclass(frozen=True)
class Options:
    """Calibrate where cameras stand, from people who walk about before them."""

    source: tuple[str, ...]
    """For each camera a video, or a folder of OpenPose JSON; synchronised, or with --sync."""
    output: Path
    """The rig file to write, a .toml."""
    intrinsics: tuple[Path, ...] = ()
    """A camera file for each --source, in the same order, or one rig file with all of them.
    Without, lenses are guessed too, which is worth much less."""
    camera_size: str | None = None
    """How large the pictures of OpenPose JSON were, as WIDTHxHEIGHT; without --intrinsics."""
    height_of: float | None = None
    """How tall the people are in metres (the mean of them): sets the scale."""
    distance: tuple[str, str, float] | None = None
    """Two cameras (by name, or number from 0) and the metres between them: sets the scale."""
    timestamps: Path | None = None
    """Table of sync_index, cam_id, frame_index, as --record writes; else frames pair by time."""
    sync: Literal["people", "audio"] | None = None
    """For recordings that began at different moments: bring them in step by how people move, or by
    what is heard. The offsets go into the rig file, for run.py."""
    footage: FootageOptions = field(default_factory=FootageOptions)
    force: bool = False
    """Replace an old file; it is kept as .bak."""


def run(options: Options) -> None:
    """The rig file, and how well all fits."""
    _check(options)
    check_free(options.output, force=options.force, ending=".toml")
    if options.intrinsics:
        cameras = [camera for path in options.intrinsics for camera in read_rig(path).cameras]
        cameras = named_apart(chosen(cameras, len(options.source), options.intrinsics))
    else:
        cameras = named_apart(unmeasured(options.source, options.camera_size))
    ends = _ends(options, [camera.name for camera in cameras])
    keypoints, crowds, offsets = _seen(options, cameras)
    locate = locate_people if options.intrinsics else locate_lenses
    with working("putting people of all cameras together"):
        found = locate(cameras, crowds)
    tall = height(found.xyz, keypoints)
    if ends is not None and options.distance is not None:
        apart = float(np.linalg.norm(found.rig.centres[ends[0]] - found.rig.centres[ends[1]]))
        factor = options.distance[2] / apart
    elif not np.isfinite(tall):
        raise CalibrationError(
            "Nobody is seen from the ankles to the head often enough to take --height-of from; "
            "measure between two cameras and say --distance."
        )
    else:
        assert options.height_of is not None
        factor = options.height_of / tall
    rig, _ = stood(scaled(found.rig, factor), factor * found.xyz, keypoints)
    write_rig(rig, options.output, force=options.force, offsets=offsets)
    sys.stdout.write(report(found, rig, factor * tall) + f"{options.output}\n")


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
    with working("bringing recordings in step"):
        behind, spread = (heard, None) if heard else in_time(cameras, recordings)
    for n in range(1, len(cameras)):
        rate = options.footage.step / recordings[n].period
        line = words(cameras[n].name, cameras[0].name, behind[n], rate)
        if spread is not None:
            line += f", give or take {spread[n] * rate:.2f} frames"
        sys.stdout.write(line + "\n")
    offsets = {one.name: 0.0 - late for one, late in zip(cameras, behind, strict=True)}
    return keypoints, together(recordings, behind), offsets


def _check(options: Options) -> None:
    if len(options.source) < 2:
        raise CalibrationError("A rig needs two cameras at least: give --source for each.")
    if not options.intrinsics and options.sync == "people":
        raise CalibrationError(
            "--sync people needs --intrinsics: `python -m calibration intrinsics` measures lenses; "
            "or clap for --sync audio."
        )
    if options.intrinsics and options.camera_size is not None:
        raise CalibrationError(
            "--camera-size does not go with --intrinsics, which say it; leave it out."
        )
    if options.sync is not None and options.timestamps is not None:
        raise CalibrationError(
            f"--sync {options.sync} does not go with --timestamps; leave one of them out."
        )
    if (options.height_of is None) == (options.distance is None):
        raise CalibrationError(
            "How large is all this? Give either --height-of METRES (how tall the people are) or "
            "--distance CAMERA CAMERA METRES."
        )
    tall = options.height_of
    if tall is not None and not 0.5 <= tall <= 2.5:
        raise CalibrationError(f"--height-of {tall} is no height of people in metres (1.80).")


def _ends(options: Options, names: list[str]) -> tuple[int, int] | None:
    """Numbers of the two cameras of --distance."""
    if options.distance is None:
        return None
    *ends, metres = options.distance
    if not 0 < metres < np.inf:
        raise CalibrationError(f"--distance {metres} is no distance in metres.")
    found = []
    for end in ends:
        if end in names:
            found.append(names.index(end))
        elif end.isdecimal() and int(end) < len(names):
            found.append(int(end))
        else:
            raise CalibrationError(
                f"--distance names {end!r}; the cameras are {', '.join(names)} (or 0 to "
                f"{len(names) - 1})."
            )
    if found[0] == found[1]:
        raise CalibrationError("--distance needs two different cameras.")
    return found[0], found[1]


def report(found: PeopleExtrinsics, rig: Rig, tall: float) -> str:
    """How the cameras were joined, how well all fits, and what is weak."""
    names = [camera.name for camera in rig.cameras]
    lines = [f"{len(found.xyz)} people (each at one instant) of {found.gathered} put together"]
    for link in found.tree:
        tracks = len(link.tracks)
        lines.append(
            f"joined by {names[link.first]} and {names[link.second]}: {tracks} pairs of tracks, "
            f"{len(link.view.couples)} poses in common"
        )
    for n, name in enumerate(names):
        known = np.isfinite(found.error[n])
        own = found.error[n][found.used[n]]
        lines.append(
            f"{name:14} RMS {np.sqrt((own**2).mean()):.2f} px, {len(own) / known.sum():.0%} of "
            f"{known.sum()} keypoints fit; at {np.round(rig.centres[n], 2).tolist()} m"
        )
    lines.append(f"RMS            {found.rms:.2f} px")
    if np.isfinite(tall):
        lines.append(f"people         {tall:.2f} m tall in the mean")
    if found.uncertainty is not None:
        lines += lenses(found.uncertainty, rig)
    lines.append(f"verdict        {verdict(found, names)}")
    return "\n".join(lines) + "\n"


def lenses(doubt: RigUncertainty, rig: Rig) -> list[str]:
    """What the lenses were guessed to be, and what that is worth."""
    lines = [
        f"{camera.name:14} focal length {camera.matrix[0, 0]:.0f} px +- {off:.1%}"
        for camera, off in zip(rig.cameras, doubt.focal, strict=True)
    ]
    return [
        *lines,
        "lenses         guessed from people, with the axis in the middle of the picture: "
        f"directions of cameras are known to {np.degrees(doubt.turns.max()):.1f} degrees and "
        f"places to {doubt.moves.max():.1%} of the largest distance between cameras (standard "
        "deviations, against the first camera); --intrinsics of measured lenses makes a far better "
        "rig",
    ]


def verdict(found: PeopleExtrinsics, names: list[str]) -> str:
    """Which link is weak, in words."""
    doubtful = int(found.matched.argmin())
    if found.matched[doubtful] < FEW_MATCHED_SHARE:
        return (
            f"doubtful: only {found.matched[doubtful]:.0%} of the people whom {names[doubtful]} "
            "saw were found in other cameras; unless these look elsewhere, check that the sources "
            "are synchronised and stand in the order of the intrinsics"
        )
    shared = found.shared - np.diag(found.shared.diagonal())
    most = shared.sum(1)
    weakest = int(most.argmin())
    if most[weakest] < WEAK_LINK_SHARE * np.median(most):
        other = names[int(shared[weakest].argmax())]
        return (
            f"{names[weakest]} is the weakest: it has {most[weakest]} poses in common with others "
            f"(most with {other}), where others have {np.median(most):.0f}; let people walk more "
            "where it and others see them"
        )
    if found.uncertainty is not None:
        return "usable where exact measures do not matter: the lenses were guessed, not measured"
    if found.turns.max() > POOR_ROTATION_SIGMA:
        worst = int(found.turns.argmax())
        return (
            f"{names[worst]} is known to {np.degrees(found.turns[worst]):.1f} degrees only; let "
            "people walk more, near and far and to all sides"
        )
    return "good: all cameras have people enough in common"
