"""A rig from a board that several cameras see at once, in videos or live."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TextIO

from calibration.board.detection import Sighting
from calibration.board.extrinsics import locate, on_board
from calibration.board.target import Board
from calibration.disk.same_file import Inputs, check_apart
from calibration.files.atomic import check_free
from calibration.files.corners_csv import board_corners, corners_file, write_corners
from calibration.files.rig_toml import read_rig, write_rig
from calibration.files.sightings_csv import read_boards
from calibration.geometry.camera import Camera
from calibration.geometry.errors import CalibrationError
from calibration.reports.reprojection_error import is_poor, refined_lenses, reprojection_report
from calibration.sync.board_motion import in_step
from calibration.sync.people_lags import in_time
from engines.console.status_line import working
from posestream.commands.calibrate.options import BoardOptions
from posestream.commands.program import POOR
from realtime.footage.board_footage import film
from realtime.footage.live_extrinsics import LiveOptions, gathered
from realtime.footage.people_footage import FootageOptions, record
from realtime.footage.recording_lags import (
    Sync,
    by_board,
    by_sound,
    check_counts,
    check_in_step,
    words,
)
from realtime.settings.model import ModelSettings
from realtime.settings.sources import SourceSettings
from realtime.sources import open_sources
from realtime.types.frames import Source


@dataclass(frozen=True)
class Options:
    """Calibrate the poses of cameras from a board in videos or in front of live cameras.

    The exit code is 3 if the verdict is "poor"; the files are written all the same.
    """

    intrinsics: tuple[Path, ...]
    """One camera file per --source, in the same order, or one rig file with all cameras."""
    output: Path
    """The rig file to write, a .toml; the 3D board corners are written beside it, for `show`."""
    source: tuple[str, ...] = ()
    """One per camera: a video, in the order of cam_id in --timestamps, or a live camera
    (webcam[:N], rtsp://, http://), with guidance on how to hold the board."""
    board: BoardOptions = field(default_factory=BoardOptions)
    live: LiveOptions = field(default_factory=LiveOptions)
    timestamps: Path | None = None
    """Table of sync_index, cam_id, frame_index, as written by --record."""
    sync: Sync | None = None
    """How to pair frames: by the --timestamps table (the default where it is given), by frame
    number (frames), or, for recordings that started at different times, by the motion of the board,
    the motion of people (who may carry the board), or audio. Offsets are written to the rig file,
    for run.py."""
    origin: int | None = None
    """Place the world origin on the board as it lies at this frame (sync_index; for live cameras 0
    is the first board taken), Z up."""
    refine_intrinsics: bool = False
    """Also refine the lenses, starting from their files; for cameras with autofocus."""
    step: int = 1
    """Use every N-th frame of all cameras."""
    models: ModelSettings = field(default_factory=ModelSettings)
    force: bool = False
    """Replace an existing file; it is kept as .bak."""


def run(options: Options) -> int:
    """The rig file, and how well all fits, which the exit code says too."""
    board = options.board.wanted()
    check_free(options.output, force=options.force, ending=".toml")
    cameras = [camera for path in options.intrinsics for camera in read_rig(path).cameras]
    if options.source:
        _check_sources(options.source, len(cameras))
    cameras = named_apart(cameras)
    boards_file = options.live.boards or options.output.with_suffix(".boards.csv")
    kept: Path | None = boards_file
    _check_apart(options, boards_file)
    offsets: dict[str, float] = {}
    if not options.source:
        if options.live.boards is None:
            raise CalibrationError(
                "A rig needs at least two cameras; give one --source per camera."
            )
        boards = read_boards(boards_file, [camera.name for camera in cameras], board)
        seen = _by_camera(boards, len(cameras))
    elif (sources := _sources(options, cameras))[0].live:
        boards = gathered(sources, cameras, board, options.live, boards_file)
        seen = _by_camera(boards, len(cameras))
    else:
        seen, offsets = _recorded(options, cameras, board)
        kept = None
    try:
        with working("locating cameras by the boards"):
            located = locate(cameras, seen, board, refine=options.refine_intrinsics)
    except CalibrationError as error:
        if kept is None:
            raise
        raise CalibrationError(
            f"{error} The boards seen so far are in {kept}; to add to them, give --boards {kept}."
        ) from error
    rig = located.rig
    if options.origin is not None:
        rig = on_board(located, board, options.origin)
    write_rig(rig, options.output, force=options.force, offsets=offsets)
    if options.refine_intrinsics:
        sys.stdout.write(refined_lenses(cameras, rig.cameras))
    write_corners(board_corners(located, rig), options.output)
    files = [options.output, corners_file(options.output), *filter(None, [kept])]
    sys.stdout.write(reprojection_report(located) + ", ".join(map(str, files)) + "\n")
    return POOR if is_poor(located) else 0


def _check_apart(options: Options, boards: Path) -> None:
    """CalibrationError where a file to write is one to read."""
    inputs: Inputs = {
        "--intrinsics": options.intrinsics,
        "--source": options.source,
        "--timestamps": filter(None, [options.timestamps]),
        "--board-file": options.board.files(),
    }
    check_apart([options.output, corners_file(options.output), boards], inputs)
    if options.live.boards is not None:
        check_apart([options.output], {"--boards": [boards]})


def _check_sources(given: Sequence[str], cameras: int) -> None:
    """CalibrationError unless there is one of its own for each camera."""
    if cameras != len(given):
        raise CalibrationError(
            f"The numbers of sources ({len(given)}) and of cameras in --intrinsics ({cameras}) "
            "differ; give one camera file per --source, in the same order."
        )
    for n, source in enumerate(given):
        if source in given[:n]:
            raise CalibrationError(f"{source} is given twice; give each camera its own --source.")


def _sources(options: Options, cameras: Sequence[Camera]) -> list[Source]:
    """To be entered where they are live; webcams are asked for the size that lenses are known at.

    CalibrationError where an option does not go with them.
    """
    _sync(options)
    sizes = {camera.size for camera in cameras}
    size = "{}x{}".format(*sizes.pop()) if len(sizes) == 1 else None
    live = options.live
    sources = open_sources(SourceSettings(options.source, camera_size=size, realtime=live.realtime))
    if sources[0].live and (options.timestamps is not None or options.sync is not None):
        raise CalibrationError(
            "Live cameras are paired by capture time; leave out --timestamps and --sync."
        )
    if not sources[0].live and (live.boards is not None or live.seconds is not None):
        raise CalibrationError(
            "--boards and --seconds are for live cameras; add --realtime to play videos as "
            "live cameras."
        )
    return sources


def _by_camera(boards: Sequence[Mapping[int, Sighting]], cameras: int) -> list[dict[int, Sighting]]:
    return [{at: one[n] for at, one in enumerate(boards) if n in one} for n in range(cameras)]


def _recorded(
    options: Options, cameras: list[Camera], board: Board
) -> tuple[list[dict[int, Sighting]], dict[str, float]]:
    """By camera and instant the boards in videos; by name the offsets of those not in step."""
    sync = _sync(options)
    table = options.timestamps if sync == "timestamps" else None
    synced: list[dict[int, int] | None] = [None] * len(cameras)
    if table is not None:
        synced = list(read_timestamps(table, len(cameras)))
    behind: list[float] = []
    if sync == "audio":
        behind = by_sound(options.source)
    elif sync == "people":
        people = FootageOptions(models=options.models)
        recordings = record(options.source, cameras, people)[1]
        with working("synchronising recordings"):
            behind = in_time(cameras, recordings)[0]
    # Motion is told from frames that follow each other.
    step = options.step if sync in ("timestamps", "frames") else 1
    films = [
        film(SourceSettings((source,)), board, partial(_wanted, synced[n], step))
        for n, source in enumerate(options.source)
    ]
    offsets: dict[str, float] = {}
    if sync == "frames":
        check_counts(films)
    if sync in ("timestamps", "frames"):
        seen = [_by_instant(one.seen, synced[n]) for n, one in enumerate(films)]
        check_in_step(seen, films, cameras, board, table=table is not None)
    else:
        behind = behind or by_board(films, cameras, board)
        for one, camera, late in zip(films, cameras, behind, strict=True):
            offsets[camera.name] = 0.0 - late  # never -0.0
            if one is not films[0]:
                sys.stdout.write(words(one.name, films[0].name, late, films[0].rate) + "\n")
        seen = in_step([one.seen for one in films], [one.times for one in films], behind)
        seen = [{n: sight for n, sight in own.items() if n % options.step == 0} for own in seen]
    return seen, offsets


def named_apart(cameras: Sequence[Camera]) -> list[Camera]:
    """The cameras under names of their own."""
    if len({camera.name for camera in cameras}) == len(cameras):
        return list(cameras)
    return [replace(camera, name=f"cam_{n}") for n, camera in enumerate(cameras)]


def _sync(options: Options) -> Sync:
    """What pairs the frames."""
    given = options.timestamps is not None
    sync: Sync = options.sync or ("timestamps" if given else "frames")
    if given != (sync == "timestamps"):
        raise CalibrationError(
            f"--sync {sync} does not go with --timestamps; leave one of them out."
            if given
            else "--sync timestamps needs a table; add --timestamps FILE."
        )
    return sync


def _wanted(synced: dict[int, int] | None, step: int, frame: int) -> bool:
    at = frame if synced is None else synced.get(frame)
    return at is not None and at % step == 0


def _by_instant(seen: dict[int, Sighting], synced: dict[int, int] | None) -> dict[int, Sighting]:
    return seen if synced is None else {synced[frame]: sight for frame, sight in seen.items()}


def _whole_rows(path: Path, file: TextIO) -> Iterable[dict[str, str]]:
    """All rows, but for a last one that ends before its line does."""
    lines = file.read().splitlines(keepends=True)
    torn = len(lines) > 1 and not lines[-1].endswith(("\r", "\n"))
    if torn and lines[-1].count(",") < lines[0].count(","):
        sys.stderr.write(f"posestream: {path.name}: the last line is torn and is left out.\n")
        del lines[-1]
    return csv.DictReader(lines)


def read_timestamps(path: Path, cameras: int) -> list[dict[int, int]]:
    """By camera: frame -> instant. A file without frame_index counts each camera's rows."""
    synced: list[dict[int, int]] = [{} for _ in range(cameras)]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in _whole_rows(path, file):
                camera = int(row["cam_id"])
                if not 0 <= camera < cameras:
                    raise CalibrationError(
                        f"{path.name} has a camera {camera}, but there are only {cameras} sources."
                    )
                synced[camera][int(row["frame_index"])] = int(row["sync_index"])
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise CalibrationError(
            f"{path.name} is not a table of sync_index, cam_id, frame_index: {error}."
        ) from error
    for n, own in enumerate(synced):
        if not own:
            raise CalibrationError(f"{path.name} has no rows for camera {n}.")
    return synced
