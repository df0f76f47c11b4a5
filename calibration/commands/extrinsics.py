"""A rig from videos of a board that several cameras see at once."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from calibration.camera import Camera
from calibration.commands.footage import sightings
from calibration.commands.options import BoardOptions
from calibration.corners import board_corners, corners_file, write_corners
from calibration.detect import Sighting
from calibration.errors import CalibrationError
from calibration.extrinsics import Extrinsics, locate, on_board
from calibration.files import check_free
from calibration.rigfile import read_rig, write_rig
from realtime.config import SourceSettings


@dataclass(frozen=True)
class Options:
    """Calibrate where cameras stand, from synchronised videos of a board."""

    source: tuple[str, ...]
    """A video for each camera, in the order of the timestamps' cam_id."""
    intrinsics: tuple[Path, ...]
    """A camera file for each --source, in the same order, or one rig file with all of them."""
    output: Path
    """The rig file to write, a .toml; the board's corners in space go beside it, for `show`."""
    board: BoardOptions = field(default_factory=BoardOptions)
    timestamps: Path | None = None
    """Table of sync_index, cam_id, frame_index, as --record writes; else frames pair by number."""
    origin: int | None = None
    """Put the world on the board as it lies in this frame (sync_index), Z up."""
    step: int = 1
    """Use every STEP-th instant."""
    force: bool = False
    """Replace an old file; it is kept as .bak."""


def run(options: Options) -> None:
    """The rig file, and how well all fits."""
    board = options.board.wanted()
    check_free(options.output, force=options.force)
    cameras = [camera for path in options.intrinsics for camera in read_rig(path).cameras]
    if len(cameras) != len(options.source):
        raise CalibrationError(
            f"{len(options.source)} sources need as many cameras, and --intrinsics has "
            f"{len(cameras)}; give a camera file for each --source, in the same order."
        )
    cameras = named_apart(cameras)
    synced = None
    if options.timestamps is not None:
        synced = read_timestamps(options.timestamps, len(cameras))
    seen = []
    for n, source in enumerate(options.source):
        by_frame = None if synced is None else synced[n]

        def instant(frame: int, by_frame: dict[int, int] | None = by_frame) -> int | None:
            return frame if by_frame is None else by_frame.get(frame)

        def wanted(frame: int) -> bool:
            at = instant(frame)
            return at is not None and at % options.step == 0

        _, found = sightings(SourceSettings((source,)), board, wanted)
        own: dict[int, Sighting] = {}
        for frame, sight in found.items():
            at = instant(frame)
            if at is not None:
                own[at] = sight
        seen.append(own)
    located = locate(cameras, seen, board)
    rig = located.rig
    if options.origin is not None:
        rig = on_board(located, board, options.origin)
    write_rig(rig, options.output, force=options.force)
    write_corners(board_corners(located, rig), options.output)
    sys.stdout.write(report(located) + f"{options.output}, {corners_file(options.output)}\n")


def named_apart(cameras: Sequence[Camera]) -> list[Camera]:
    """The cameras under names of their own."""
    if len({camera.name for camera in cameras}) == len(cameras):
        return list(cameras)
    return [replace(camera, name=f"cam_{n}") for n, camera in enumerate(cameras)]


def read_timestamps(path: Path, cameras: int) -> list[dict[int, int]]:
    """By camera: frame -> instant. A file without frame_index counts each camera's rows."""
    synced: list[dict[int, int]] = [{} for _ in range(cameras)]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                camera = int(row["cam_id"])
                if not 0 <= camera < cameras:
                    raise CalibrationError(
                        f"{path.name} has a camera {camera}, but there are {cameras} sources."
                    )
                synced[camera][int(row["frame_index"])] = int(row["sync_index"])
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise CalibrationError(
            f"{path.name} is no table of sync_index, cam_id, frame_index: {error}."
        ) from error
    for n, own in enumerate(synced):
        if not own:
            raise CalibrationError(f"{path.name} has no row for camera {n}.")
    return synced


def report(found: Extrinsics) -> str:
    """How the cameras were joined, and how far corners are from where they should be."""
    names = [camera.name for camera in found.rig.cameras]
    lines = [f"{len(found.instants)} boards, {len(found.sights)} corners, {found.reason}"]
    for pair in found.tree:
        lines.append(
            f"joined by {names[pair.first]} and {names[pair.second]}: {pair.boards} boards in "
            f"common, to {1e3 * pair.deviation:.1f} mm"
        )
    for n, name in enumerate(names):
        own = (found.sights.camera == n) & found.good
        off = float(np.sqrt((found.residuals[own] ** 2).sum(1).mean()))
        lines.append(f"{name:14} RMS {off:.3f} px over {own.sum()} corners")
    left = int((~found.good).sum())
    lines.append(f"RMS            {found.rms:.3f} px; {left} corners left out")
    return "\n".join(lines) + "\n"
