"""The 3D people of a whole run, at a constant rate."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import RawIOBase
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles, Floats
from engines.types.skeleton import Skeleton
from realtime.mocap.journal import CHANNELS, instants, points, read_head
from realtime.types.errors import OutputError

SAME_FRAME_SHARE = 0.05  # of a frame's duration: an instant so near to a frame is that frame
MAX_GAP_FRAMES = 2.5  # between instants: longer gaps are not interpolated
RATE_TOLERANCE = 0.05  # share by which the instants' rate may differ from the source's own
MAX_FRAMES = 10_000_000  # 92 hours at 30 fps: more is a clock that has jumped
PIECE_FRAMES = 4096  # bounds the memory that is taken, however long a take is
DEFAULT_FPS = 30.0  # where neither the source nor instants say it


@dataclass(frozen=True, slots=True, eq=False)
class PersonMotion:
    """Consecutive frames of a person.

    first: the number of the first one, counted from 0. xyz: (T, K, 3) metres, error: (T, K) pixels,
    NaN = not known. filled: (T, K) carried rather than seen.
    """

    id: int
    first: int
    xyz: Floats
    error: Floats
    filled: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.xyz)


@dataclass(frozen=True, slots=True)
class Span:
    """Who is in which frames: from the first in which they were seen, counted from 0, to the last.

    begin, end: the instants that they lie in.
    """

    id: int
    first: int
    count: int
    begin: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """Everybody of a run; frame n is n / rate seconds after the first instant.

    load: gives a person's motion from one frame of the run to before another, both within the span.
    """

    skeleton: Skeleton
    rate: float
    spans: tuple[Span, ...]
    load: Callable[[Span, int, int], PersonMotion]

    def pieces(self, span: Span) -> Iterator[PersonMotion]:
        """A person's motion, piece after piece, so that never all of it is in memory."""
        end = span.first + span.count
        for first in range(span.first, end, PIECE_FRAMES):
            yield self.load(span, first, min(first + PIECE_FRAMES, end))

    def __len__(self) -> int:
        """How many frames there are up to the last person's last."""
        return max((span.first + span.count for span in self.spans), default=0)


class _Index:
    """Where a journal's instants are, some 40 bytes for each.

    times: (N,) seconds from the first. starts: (N + 1,) where each one's people begin in ids.
    """

    def __init__(self, file: RawIOBase | BinaryIO, keypoints: int) -> None:
        self._file, self._keypoints = file, keypoints
        self.damaged = 0
        times, places, starts, ids = array("d"), array("q"), array("q", [0]), array("q")
        for one in instants(file, keypoints):
            if one is None:
                self.damaged += 1
            elif not times or one.time > times[-1]:
                times.append(one.time)
                places.append(one.at)
                ids.extend(one.ids.tolist())
                starts.append(len(ids))
        self.times: Doubles = np.array(times)
        self.times -= self.times[0] if len(times) else 0
        self._places, self._starts = np.array(places), np.array(starts)
        self._ids = np.array(ids, np.int64)

    def ranges(self) -> Iterator[tuple[int, int, int]]:
        """Each person's id, and the first and the last instant in which they are."""
        holders = np.repeat(np.arange(len(self.times)), np.diff(self._starts))
        known, first = np.unique(self._ids, return_index=True)
        last = len(self._ids) - 1 - np.unique(self._ids[::-1], return_index=True)[1]
        for identity, begin, end in zip(known, holders[first], holders[last], strict=True):
            if identity >= 0:
                yield int(identity), int(begin), int(end)

    def points(self, identity: int, begin: int, end: int) -> Floats:
        """(T, K, 5) of a person in these instants, NaN where they are not."""
        found = np.full((end - begin, self._keypoints, CHANNELS), np.nan, np.float32)
        first = self._starts[begin]
        rows = np.flatnonzero(self._ids[first : self._starts[end]] == identity) + first
        holders = np.searchsorted(self._starts, rows, "right") - 1
        counts = self._starts[holders + 1] - self._starts[holders]
        where = zip(holders - begin, self._places[holders], counts, strict=True)
        # Backwards, so that of two with one id the first counts.
        for (n, place, people), row in [*zip(where, rows - self._starts[holders], strict=True)][
            ::-1
        ]:
            found[n] = points(self._file, int(place), int(people), int(row), self._keypoints)
        return found


def take_of(file: RawIOBase | BinaryIO, name: str) -> tuple[Take, int]:
    """The people of a journal at a constant rate, and how many damaged instants were left out.

    The rate is the sources' own where instants come at it or a fraction of it, else the median of
    the instants'. A frame without an instant at its time is interpolated (linearly) between its
    neighbours. An instant that is not later than the one before is left out. OutputError where the
    file is no journal, or one person's frames would be too many.
    """
    head = read_head(file, name)
    index = _Index(file, len(head.skeleton.keypoints))
    times = index.times
    rate = _rate(times, head.rate)
    spans = (*_spans(index, rate),)

    def load(span: Span, first: int, end: int) -> PersonMotion:
        own = times[span.begin : span.end]
        at = _Resampling.of(own, rate, first, end)
        seen = index.points(span.id, span.begin + at.begin, span.begin + at.end)
        even = at.mixed(seen)
        return PersonMotion(span.id, first, even[..., :3], even[..., 3], even[..., 4] > 0)

    return Take(head.skeleton, rate, spans, load), index.damaged


def _spans(index: _Index, rate: float) -> Iterator[Span]:
    for identity, begin, end in index.ranges():
        first = int(np.ceil(index.times[begin] * rate - SAME_FRAME_SHARE))
        last = int(np.floor(index.times[end] * rate + SAME_FRAME_SHARE))
        if last - first >= MAX_FRAMES:
            raise OutputError(
                f"The 3D people span {last - first} frames at {rate:g} fps, too many to write at "
                "once. Make shorter runs."
            )
        if last >= first:
            yield Span(identity, first, last - first + 1, begin, end + 1)


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


@dataclass(frozen=True, slots=True, eq=False)
class _Resampling:
    """Instants as frames. begin, end: those that are needed.

    before, after: (T,) those around each frame, counted from begin. exact: (T,) whether the one
    after is the frame itself. share: (T,) of the one after, NaN where they are too far apart.
    """

    begin: int
    end: int
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    exact: NDArray[np.bool_]
    share: Floats

    @classmethod
    def of(cls, times: Doubles, rate: float, first: int, end: int) -> Self:
        """Of the frames from `first` to before `end`."""
        frames = np.arange(first, end) / rate
        after = np.searchsorted(times, frames - SAME_FRAME_SHARE / rate).clip(0, len(times) - 1)
        before = np.maximum(after - 1, 0)
        gap = times[after] - times[before]
        exact = np.abs(times[after] - frames) <= SAME_FRAME_SHARE / rate
        share = np.where(exact, 1, (frames - times[before]) / np.where(gap > 0, gap, 1))
        share[~exact & (gap > MAX_GAP_FRAMES / rate)] = np.nan
        begin, stop = int(before[0]), int(after[-1]) + 1
        return cls(begin, stop, before - begin, after - begin, exact, share.astype(np.float32))

    def mixed(self, seen: Floats) -> Floats:
        """Of the needed instants (N, ...) the frames (T, ...)."""
        share = self.share[:, None, None]
        mixed: Floats = seen[self.after] * share
        partly = ~self.exact
        mixed[partly] += seen[self.before[partly]] * (1 - share[partly])
        return mixed
