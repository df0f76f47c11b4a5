"""How far the recordings of several cameras are apart, and their boards at the same instants."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import Literal

from calibration.board.detection import Sighting
from calibration.board.target import Board
from calibration.geometry.camera import Camera
from calibration.geometry.errors import CalibrationError, DegenerateError
from calibration.sync.board_motion import board_motion
from calibration.sync.joining_lags import along, join
from calibration.sync.motion_lag import Lag, out_of_step
from calibration.sync.sound_lag import MIN_PEAK_RATIO, sound_lag
from realtime.footage.board_footage import BoardFootage
from realtime.sources.audio import listen

Sync = Literal["timestamps", "frames", "board", "people", "audio"]
SAMPLE_RATE = 16000  # samples a second: sound goes 2 cm in one
# Frames apart, and times better agreement then, at which recordings are surely not in step.
MAX_LAG_FRAMES, CERTAIN_RATIO = 0.75, 3.0
NOTED_LAG_FRAMES, NOTED_RATIO = 0.1, 1.3  # the same, from which on it is worth a note
MAX_RATE_DIFFERENCE = 0.01  # 1 %: after 100 frames a pair is one frame apart


def by_board(films: Sequence[BoardFootage], cameras: Sequence[Camera], board: Board) -> list[float]:
    """Seconds that each recording is behind the first one, of their own times, by how the board
    moves in them; CalibrationError where it cannot be told, here and below.
    """
    motions = [
        board_motion(camera, one.seen, one.times, board)
        for camera, one in zip(cameras, films, strict=True)
    ]
    return join(motions, [one.name for one in films], "the motion of the board")


def by_sound(sources: Sequence[str]) -> list[float]:
    """The same by what is heard."""
    heard = [listen(source, SAMPLE_RATE) for source in sources]
    names = [Path(one).stem for one in sources]
    lags: list[Lag] = []
    # With the first camera; the other pairs only where that is not enough.
    firsts = [(0, n) for n in range(1, len(heard))]
    for pairs in (firsts, [pair for pair in combinations(range(len(heard)), 2) if pair[0]]):
        for a, b in pairs:
            lag, peak = sound_lag(heard[a][1], heard[b][1], SAMPLE_RATE)
            if peak > MIN_PEAK_RATIO:
                lags.append(Lag(a, b, heard[b][0] - heard[a][0] + lag, peak))
        with suppress(DegenerateError):
            return along(lags, names, "the sound")
    return along(lags, names, "the sound")


def check_in_step(
    by_instant: Sequence[Mapping[int, Sighting]],
    films: Sequence[BoardFootage],
    cameras: Sequence[Camera],
    board: Board,
    *,
    table: bool,
) -> None:
    """CalibrationError where the board's motion says that recordings are not in step though frames
    are paired by their numbers (or by a table of timestamps) as if they were.
    """
    first = films[0]
    motions = [
        board_motion(camera, own, {n: float(n) for n in own}, board)
        for camera, own in zip(cameras, by_instant, strict=True)
    ]
    for n, one in enumerate(films[1:], 1):
        ours, its = first.rate, one.rate
        if not table and ours and its and abs(ours / its - 1) > MAX_RATE_DIFFERENCE:
            raise CalibrationError(
                f"{one.name} has {its:g} fps and {first.name} {ours:g} fps, so their frames "
                "cannot be paired by number; use --sync board or give --timestamps."
            )
        found = out_of_step(motions[0], motions[n])
        if found is None:
            continue
        lag, better = found
        how = f"{abs(lag):.2f} frames {'behind' if lag > 0 else 'ahead of'} {first.name}"
        if abs(lag) > MAX_LAG_FRAMES and better > CERTAIN_RATIO:
            why = "the timestamps do not fit the videos" if table else "they are not synchronised"
            raise CalibrationError(
                f"By the motion of the board, {one.name} is {how}: {why}; use --sync "
                f"board{' instead of --timestamps' if table else ''} to synchronise them."
            )
        if abs(lag) > NOTED_LAG_FRAMES and better > NOTED_RATIO:
            sys.stderr.write(
                f"posestream: by the motion of the board, {one.name} is {how}; --sync board "
                "would synchronise them.\n"
            )


def check_counts(films: Sequence[BoardFootage]) -> None:
    """CalibrationError where one camera has fewer photos than another: from the one that is missing
    on, the first of one camera would be paired with the second of another.
    """
    counts = [(one.photos, one.name) for one in films if one.photos is not None]
    if len({count for count, _ in counts}) > 1:
        (fewer, least), (more, most) = min(counts), max(counts)
        raise CalibrationError(
            f"{least} has {fewer} photos and {most} has {more}, so they cannot be paired by their "
            "order; remove the photos that have no partner."
        )


def words(name: str, first: str, behind: float, rate: float | None) -> str:
    """How far a recording is behind the first."""
    frames = (
        f"{abs(behind) * rate:.2f} frames ({abs(behind):.4f} s)" if rate else f"{abs(behind):.4f} s"
    )
    return f"{name} is {frames} {'behind' if behind >= 0 else 'ahead of'} {first}"
