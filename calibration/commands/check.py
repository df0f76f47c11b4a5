"""Whether a rig still is right, by new footage of people or of a board."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import tyro

from calibration.commands.extrinsics import read_timestamps
from calibration.commands.options import BoardOptions
from calibration.files.atomic import check_free
from calibration.files.rig_toml import read_offsets, read_rig, write_rig
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import CalibrationError
from calibration.people.shift_test import MIN_PLACES
from calibration.verification.check import check_board, check_people
from calibration.verification.moved_cameras import RigCheck
from calibration.verification.readjust import Readjusted, readjust
from engines.console.status_line import working
from realtime.footage.board_footage import film
from realtime.footage.people_footage import FootageOptions, check_sources, chosen, watch
from realtime.settings.sources import SourceSettings

# of the error before that must be left at most for a readjusted rig to be written
MAX_ERROR_RATIO = 0.9


@dataclass(frozen=True)
class Options:
    """Check a rig on new footage. Exit code: 0 no camera has moved as far as can be told (the
    verdict says by how much one must have), 1 a camera has moved, 2 the input is no good."""

    rig: tyro.conf.Positional[Path]
    """The rig file."""
    source: tuple[str, ...]
    """For each camera, in the order of the rig, a video of people (or with --board of a board), or
    a folder of OpenPose JSON; synchronised."""
    board: BoardOptions = field(default_factory=BoardOptions)
    timestamps: Path | None = None
    """Table of sync_index, cam_id, frame_index, as --record writes; else frames pair by time."""
    mend: Path | None = None
    """Write the rig with all cameras turned and moved a little so that they agree on the people, to
    this .toml, if that helps. Lenses, frame and scale stay."""
    force: bool = False
    """Replace an old file; it is kept as .bak."""
    footage: FootageOptions = field(default_factory=FootageOptions)


def run(options: Options) -> bool:
    """Whether the rig is good; figures and a verdict."""
    if len(options.source) < 2:
        raise CalibrationError("A rig needs two cameras at least: give --source for each.")
    cameras = chosen(read_rig(options.rig).cameras, len(options.source), [options.rig])
    boards = options.board.board is not None or options.board.board_file is not None
    if options.mend is not None:
        if boards:
            raise CalibrationError("--mend goes by people; leave the board out, or --mend.")
        check_free(options.mend, force=options.force)
    synced = None
    if options.timestamps is not None:
        synced = read_timestamps(options.timestamps, len(cameras))
    if boards:
        found = _by_board(options, cameras, synced)
    else:
        seen = watch(options.source, cameras, options.footage, synced)
        with working("comparing what cameras see"):
            found = check_people(Rig(tuple(cameras)), seen.crowds)
    sys.stdout.write(report(found, cameras))
    if options.mend is not None:
        with working("putting the rig right"):
            better = readjust(Rig(tuple(cameras)), seen.crowds)
        _mend(options, options.mend, better)
    return not found.bumps


def _mend(options: Options, path: Path, found: Readjusted) -> None:
    """Write the rig where it got better, and say by how much on people it was not adjusted to."""
    for camera, *figures in zip(
        found.rig.cameras, found.before, found.after, found.degrees, found.metres, strict=True
    ):
        before, after, degrees, metres = figures
        sys.stdout.write(
            f"{camera.name}: {before:.1f} px before, {after:.1f} after turning it by "
            f"{degrees:.2f} degrees and moving it by {100 * metres:.1f} cm\n"
        )
    if not found.after.mean() < MAX_ERROR_RATIO * found.before.mean():
        sys.stdout.write("The rig is as good as people can tell; nothing is written.\n")
        return
    write_rig(found.rig, path, force=options.force, offsets=read_offsets(options.rig))
    sys.stdout.write(f"{path}\n")


def _by_board(
    options: Options, cameras: list[Camera], synced: list[dict[int, int]] | None
) -> RigCheck:
    board = options.board.wanted()
    check_sources(options.source)
    seen = []
    for n, source in enumerate(options.source):
        settings = SourceSettings(
            (source,),
            start=options.footage.start,
            end=options.footage.end,
            step=1 if synced else options.footage.step,
        )
        table = None if synced is None else synced[n]
        own = film(settings, board, partial(_wanted, table)).seen
        seen.append({frame if table is None else table[frame]: one for frame, one in own.items()})
    with working("comparing what cameras see"):
        return check_board(Rig(tuple(cameras)), seen, board)


def _wanted(table: dict[int, int] | None, frame: int) -> bool:
    return table is None or frame in table


def report(found: RigCheck, cameras: list[Camera]) -> str:
    """Errors of cameras and pairs, and the verdict."""
    names = [camera.name for camera in cameras]
    wide = max(len(name) for name in names) + 2
    lines = ["median distances in pixels"]
    for n, name in enumerate(names):
        lines.append(
            f"{name:{wide}} {found.error[n]:.1f} from where the others see the same "
            f"({found.count[n]} points)"
        )
    for a, b in zip(*np.triu_indices(len(names), 1), strict=True):
        if np.isfinite(found.pairs[a, b]):
            lines.append(f"{names[a]} and {names[b]}: {found.pairs[a, b]:.1f} from epipolar lines")
    return "\n".join([*lines, *verdict(found, names)]) + "\n"


def verdict(found: RigCheck, names: list[str]) -> list[str]:
    """Which camera was bumped, in words, and what would have been noticed."""
    least = f"turned by {found.least.max():.1f} degrees"
    fewest = int(found.places.argmin())
    if not found.bumps and found.places[fewest] < MIN_PLACES:
        return [
            f"cannot tell: {names[fewest]} and others saw people in "
            f"{_places(int(found.places[fewest]))} only, where keypoints are all off the same way, "
            f"as if a camera had been bumped. No camera was {least} or more; for less, let "
            "somebody walk through all of the space that the cameras share."
        ]
    if not found.bumps:
        return [
            f"good: all cameras agree, to {found.rest:.1f} px; one that was {least} would have "
            "been noticed"
        ]
    if len(names) == 2:
        one = found.bumps[0]
        return [
            f"bad: {names[0]} and {names[1]} do not agree; one of them was turned by about "
            f"{one.degrees:.1f} degrees. Two cameras cannot tell which; calibrate them again."
        ]
    if found.places[fewest] < MIN_PLACES:
        one = found.bumps[0]
        return [
            f"bad: the cameras do not agree; {names[one.camera]} being bumped explains it best "
            f"(its picture has shifted by {one.pixels:.0f} px), but people in "
            f"{_places(int(found.places[fewest]))} cannot tell which of them it is: let somebody "
            "walk through all of the space that the cameras share, or calibrate them again."
        ]
    lines = [
        f"bad: {names[one.camera]} was bumped: turned by about {one.degrees:.1f} degrees and moved "
        f"by about {100 * one.metres:.0f} cm; its picture has shifted by {one.pixels:.0f} px"
        for one in found.bumps
    ]
    which = "it" if len(lines) == 1 else "them"
    lines.append(
        f"With {which} put right all cameras agree to {found.rest:.1f} px; another that was "
        f"{least} would have been noticed. Calibrate the rig again."
    )
    return lines


def _places(count: int) -> str:
    return "one place" if count == 1 else f"{count} places"
