"""Whether a rig still is right, by new footage of people or of a board."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from calibration.disk.same_file import check_apart
from calibration.files.atomic import check_free
from calibration.files.rig_toml import read_offsets, read_rig, write_rig
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import CalibrationError
from calibration.reports.rig_check import check_report
from calibration.verification.check import check_board, check_people
from calibration.verification.moved_cameras import RigCheck
from calibration.verification.readjust import Readjusted, readjust
from calibration.verification.square_sizes import square_report
from engines.console.status_line import working
from posestream.commands.calibrate.extrinsics import read_timestamps
from posestream.commands.calibrate.options import BoardOptions
from realtime.footage.board_footage import film
from realtime.footage.people_footage import FootageOptions, check_sources, chosen, watch
from realtime.settings.sources import SourceSettings

# Of the error before that must be left at most for a readjusted rig to be written.
MAX_ERROR_RATIO = 0.9
MOVED = 1  # what the command ends with where a camera has moved


@dataclass(frozen=True)
class Options:
    """Check a rig on new footage. Exit code: 0 = no camera has moved noticeably (the verdict says
    how much would be noticed), 1 = a camera has moved, 2 = the input cannot be used."""

    rig: Path = field(metadata={"positional": True})
    """The rig file."""
    source: tuple[str, ...]
    """One per camera, in the order of the rig: a video of people (with --board: of a board) or a
    folder of OpenPose JSON; synchronised."""
    board: BoardOptions = field(default_factory=BoardOptions)
    timestamps: Path | None = None
    """Table of sync_index, cam_id, frame_index, as written by --record. Without it, frames are
    paired by time."""
    mend: Path | None = None
    """Readjust all camera poses slightly so that they agree on the people, and write the rig to
    this .toml if that improves it. Lenses, world frame and scale stay the same."""
    force: bool = False
    """Replace an existing file; it is kept as .bak."""
    footage: FootageOptions = field(default_factory=FootageOptions)


def run(options: Options) -> int:
    """Figures and a verdict; 1 where a camera has moved."""
    if len(options.source) < 2:
        raise CalibrationError("A rig needs at least two cameras; give one --source per camera.")
    cameras = chosen(read_rig(options.rig).cameras, len(options.source), [options.rig])
    boards = options.board.board is not None or options.board.board_file is not None
    if options.mend is not None:
        if boards:
            raise CalibrationError("--mend needs people; leave out the board options or --mend.")
        check_free(options.mend, force=options.force)
        check_apart(
            [options.mend],
            {
                "the rig": [options.rig],
                "--source": options.source,
                "--timestamps": filter(None, [options.timestamps]),
            },
        )
    synced = None
    if options.timestamps is not None:
        synced = read_timestamps(options.timestamps, len(cameras))
    if boards:
        found = _by_board(options, cameras, synced)
    else:
        seen = watch(options.source, cameras, options.footage, synced)
        with working("comparing what the cameras see"):
            found = check_people(Rig(tuple(cameras)), seen.crowds)
    sys.stdout.write(check_report(found, cameras, board=boards))
    if options.mend is not None:
        with working("readjusting the rig"):
            better = readjust(Rig(tuple(cameras)), seen.crowds)
        _mend(options, options.mend, better)
    return MOVED if found.moved else 0


def _mend(options: Options, path: Path, found: Readjusted) -> None:
    """Write the rig where it got better, and say by how much on people it was not adjusted to."""
    for camera, *figures in zip(
        found.rig.cameras, found.before, found.after, found.degrees, found.metres, strict=True
    ):
        before, after, degrees, metres = figures
        sys.stdout.write(
            f"{camera.name}: {before:.1f} px before, {after:.1f} px after rotating it by "
            f"{degrees:.2f} degrees and moving it by {100 * metres:.1f} cm\n"
        )
    if not found.after.mean() < MAX_ERROR_RATIO * found.before.mean():
        sys.stdout.write("Readjusting does not improve the rig; nothing was written.\n")
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
    rig = Rig(tuple(cameras))
    with working("comparing what the cameras see"):
        found = check_board(rig, seen, board)
    sys.stdout.write(square_report(rig, seen, board))
    return found


def _wanted(table: dict[int, int] | None, frame: int) -> bool:
    return table is None or frame in table
