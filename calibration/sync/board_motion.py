"""Boards before several cameras, brought to the same instants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from calibration.board.board_pose import board_poses
from calibration.board.detection import MIN_CORNERS, Sighting
from calibration.board.target import Board
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera
from calibration.sync.correlation import MAX_GAP_FRAMES, MotionSignal, moved
from calibration.sync.place_agreement import between

Times = Mapping[int, float]  # frame -> seconds, of the camera's own clock


def board_motion(
    camera: Camera, seen: Mapping[int, Sighting], times: Times, board: Board
) -> MotionSignal:
    """How the board moves before a camera with a known lens."""
    points = board.points
    across, down = board.grid
    outer = points[[0, across - 1, across * (down - 1), across * down - 1]]
    at, places = [], []
    for n, one in sorted(seen.items(), key=lambda item: times[item[0]]):
        poses = board_poses(camera.scaled(one.size), points[one.ids], one.xy)
        if poses:
            turn, shift = poses[0]
            at.append(times[n])
            places.append(outer @ turn.T + shift)
    return moved(np.array(at), np.array(places).reshape(-1, len(outer), 3))


def in_step(
    seen: Sequence[Mapping[int, Sighting]], times: Sequence[Times], behind: Sequence[float]
) -> list[dict[int, Sighting]]:
    """By camera and instant: corners interpolated to the moments of the first camera's frames,
    whose numbers the instants bear, also before and after what it filmed.

    behind: seconds that each camera's times are behind the first one's.
    """
    numbers, moments = _moments(times, behind)
    return [
        _at(own, clock, moments + late, numbers)
        for own, clock, late in zip(seen, times, behind, strict=True)
    ]


def _moments(times: Sequence[Times], behind: Sequence[float]) -> tuple[list[int], Doubles]:
    numbers = sorted(times[0])
    first = np.array([times[0][n] for n in numbers])
    frame = float(np.median(np.diff(first))) if len(first) > 1 else 1.0
    jump = round(float(np.median(np.diff(numbers)))) if len(numbers) > 1 else 1
    begin = min(min(own.values()) - late for own, late in zip(times, behind, strict=True))
    end = max(max(own.values()) - late for own, late in zip(times, behind, strict=True))
    before = np.arange(max(0, int((first[0] - begin) / frame)), 0, -1)
    after = np.arange(1, max(0, int((end - first[-1]) / frame)) + 1)
    moments = np.concatenate([first[0] - before * frame, first, first[-1] + after * frame])
    early, late = numbers[0] - before * jump, numbers[-1] + after * jump
    return [*early.tolist(), *numbers, *late.tolist()], moments


def _at(
    seen: Mapping[int, Sighting], times: Times, moments: Doubles, numbers: Sequence[int]
) -> dict[int, Sighting]:
    frames = sorted(seen, key=lambda n: times[n])
    if len(frames) < 2:
        return {}
    clock = np.array([times[n] for n in frames])
    period = float(np.median(np.diff(np.sort(np.array(list(times.values()))))))
    out: dict[int, Sighting] = {}
    rights = np.searchsorted(clock, moments, side="right").clip(1, len(clock) - 1)
    for number, moment, right in zip(numbers, moments, rights, strict=True):
        two = [right - 1, right]
        if (
            not clock[two[0]] <= moment <= clock[two[1]]
            or np.ptp(clock[two]) > MAX_GAP_FRAMES * period
        ):
            continue
        ids = _common([seen[frames[n]] for n in two])
        # One frame more on each side, if they see the same: a board does not move on a line.
        for n in (right - 2, right + 1):
            if 0 <= n < len(frames) and len(_common([seen[frames[n]]], ids)) == len(ids):
                two.append(n)
        two.sort()
        if len(ids) < MIN_CORNERS:
            continue
        some = [seen[frames[n]] for n in two]
        xy = np.stack([one.xy[np.searchsorted(one.ids, ids)] for one in some])
        there, known = between(clock[two], xy, np.array([moment]), period)
        if known[0]:
            blur = max(one.blur for one in some)
            out[number] = Sighting(ids, there[0], some[0].size, blur)
    return out


def _common(
    sights: Sequence[Sighting], ids: np.ndarray[tuple[int], np.dtype[np.int64]] | None = None
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    for one in sights:
        ids = one.ids if ids is None else np.intersect1d(ids, one.ids)
    assert ids is not None
    return ids
