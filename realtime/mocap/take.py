"""The 3D people of a whole run, at a constant rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles, Floats
from engines.types.skeleton import Skeleton
from realtime.types.errors import OutputError
from realtime.types.results import Poses3D

SAME_FRAME_SHARE = 0.05  # of a frame's duration: an instant so near to a frame is that frame
MAX_GAP_FRAMES = 2.5  # between instants: longer gaps are not interpolated
RATE_TOLERANCE = 0.05  # share by which the instants' rate may differ from the source's own
MAX_BYTES = 2**31  # bounds the memory that one person's frames take
DEFAULT_FPS = 30.0  # where neither the source nor instants say it


@dataclass(frozen=True, slots=True, eq=False)
class PersonMotion:
    """A person from the first to the last frame in which they were seen.

    first: that frame's number, counted from 0. xyz: (T, K, 3) metres, error: (T, K) pixels, NaN =
    not known. filled: (T, K) carried rather than seen.
    """

    id: int
    first: int
    xyz: Floats
    error: Floats
    filled: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.xyz)


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """Everybody of a run; frame n is n / rate seconds after the first instant."""

    skeleton: Skeleton
    rate: float
    people: tuple[PersonMotion, ...]

    def __len__(self) -> int:
        """How many frames there are up to the last person's last."""
        return max((motion.first + len(motion) for motion in self.people), default=0)


class TakeRecorder:
    """Keeps all instants, some 500 bytes for each person of 25 keypoints in each.

    rate: fps, as the sources say it.
    """

    def __init__(self, skeleton: Skeleton, rate: float | None = None) -> None:
        self._skeleton = skeleton
        self._rate = rate
        self._times: list[float] = []
        self._ids: list[NDArray[np.int64]] = []
        self._points: list[Floats] = []  # x, y, z, error, filled of each instant's keypoints

    def add(self, time: float, poses: Poses3D) -> None:
        """Keep an instant; one that is not later than the last is left out."""
        if self._times and time <= self._times[-1]:
            return
        self._times.append(time)
        self._ids.append(poses.id)
        more = np.stack([poses.error, poses.filled], axis=-1)
        self._points.append(np.concatenate([poses.xyz, more], axis=-1).astype(np.float32))

    def take(self) -> Take:
        """The people at a constant rate: the sources' own where instants come at it or a fraction
        of it, else the median of the instants'.

        A frame without an instant at its time is interpolated (linearly) between its neighbours.
        OutputError where there would be too much of it.
        """
        times = np.array(self._times) - (self._times[0] if self._times else 0)
        rate = _rate(times, self._rate)
        people = tuple(self._motions(times, rate)) if len(times) else ()
        return Take(self._skeleton, rate, people)

    def _motions(self, times: Doubles, rate: float) -> Iterator[PersonMotion]:
        ids, points = np.concatenate(self._ids), np.concatenate(self._points)
        instants = np.repeat(np.arange(len(times)), [len(one) for one in self._ids])
        for identity in np.unique(ids[ids >= 0]).tolist():
            own = ids == identity
            at = instants[own]
            seen = np.full((np.ptp(at) + 1, *points.shape[1:]), np.nan, np.float32)
            seen[at - at[0]] = points[own]
            first, even = _evenly(times[at[0] : at[-1] + 1], seen, rate)
            if len(even):
                xyz, error, filled = even[..., :3], even[..., 3], even[..., 4] > 0
                yield PersonMotion(identity, first, xyz, error, filled)


def _rate(times: Doubles, named: float | None) -> float:
    """In fps."""
    if len(times) < 2:
        return named or DEFAULT_FPS
    usual = float(np.median(np.diff(times)))
    if named:
        fraction = named / max(1, round(named * usual))  # of every second frame, and so on
        if abs(fraction * usual - 1) <= RATE_TOLERANCE:
            return fraction
    return float(f"{1 / usual:.4g}")


def _evenly(times: Doubles, seen: Floats, rate: float) -> tuple[int, Floats]:
    """Instants (T, ...) at increasing times as frames: the first one's number, and all."""
    first, last = (
        int(np.ceil(times[0] * rate - SAME_FRAME_SHARE)),
        int(np.floor(times[-1] * rate + SAME_FRAME_SHARE)),
    )
    size = seen[0].nbytes * 3  # such arrays at a time
    if (last - first) * size > MAX_BYTES:
        raise OutputError(
            f"The 3D people span {last - first} frames at {rate:g} fps, too many to write at once. "
            f"Make shorter runs."
        )
    frames = np.arange(first, last + 1) / rate
    after = np.searchsorted(times, frames - SAME_FRAME_SHARE / rate).clip(0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    gap = times[after] - times[before]
    exact = np.abs(times[after] - frames) <= SAME_FRAME_SHARE / rate
    share = np.where(exact, 1, (frames - times[before]) / np.where(gap > 0, gap, 1))
    share[~exact & (gap > MAX_GAP_FRAMES / rate)] = np.nan
    share = share.astype(np.float32)[:, None, None]
    mixed: Floats = seen[after] * share
    partly = ~exact
    mixed[partly] += seen[before[partly]] * (1 - share[partly])
    return first, mixed
