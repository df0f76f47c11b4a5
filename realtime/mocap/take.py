"""The 3D people of a whole run, at a constant rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import RawIOBase
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles, Floats
from engines.types.skeleton import Skeleton
from realtime.mocap.journal import CHANNELS, Instant, instants, points, read_head
from realtime.types.errors import OutputError

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


@dataclass(frozen=True, slots=True)
class Span:
    """Who is in which frames: the first one, counted from 0, and how many.

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

    load: gives one person's motion, so that never all of them are in memory.
    """

    skeleton: Skeleton
    rate: float
    spans: tuple[Span, ...]
    load: Callable[[Span], PersonMotion]

    @classmethod
    def of(cls, skeleton: Skeleton, rate: float, people: Sequence[PersonMotion]) -> Take:
        """Of motions that are there."""
        spans = [Span(one.id, one.first, len(one)) for one in people]
        return cls(skeleton, rate, (*spans,), dict(zip(spans, people, strict=True)).__getitem__)

    @property
    def people(self) -> Iterator[PersonMotion]:
        """One after the other."""
        return map(self.load, self.spans)

    def __len__(self) -> int:
        """How many frames there are up to the last person's last."""
        return max((span.first + span.count for span in self.spans), default=0)


def take_of(file: RawIOBase | BinaryIO, name: str) -> tuple[Take, int]:
    """The people of a journal at a constant rate, and how many damaged instants were left out.

    The rate is the sources' own where instants come at it or a fraction of it, else the median of
    the instants'. A frame without an instant at its time is interpolated (linearly) between its
    neighbours. An instant that is not later than the one before is left out. OutputError where the
    file is no journal, or one person's frames would be too many.
    """
    head = read_head(file, name)
    keypoints = len(head.skeleton.keypoints)
    found: list[Instant] = []
    damaged = 0
    for one in instants(file, keypoints):
        if one is None:
            damaged += 1
        elif not found or one.time > found[-1].time:
            found.append(one)
    times = np.array([one.time for one in found])
    times -= times[0] if len(times) else 0
    rate = _rate(times, head.rate)
    spans = (*_spans(found, times, rate, keypoints),)

    def load(span: Span) -> PersonMotion:
        seen = np.full((span.end - span.begin, keypoints, CHANNELS), np.nan, np.float32)
        for n, one in enumerate(found[span.begin : span.end]):
            for row in np.flatnonzero(one.ids == span.id)[:1].tolist():
                seen[n] = points(file, one, row, keypoints)
        even = _evenly(times[span.begin : span.end], seen, rate, span)
        return PersonMotion(span.id, span.first, even[..., :3], even[..., 3], even[..., 4] > 0)

    return Take(head.skeleton, rate, spans, load), damaged


def _spans(found: Sequence[Instant], times: Doubles, rate: float, keypoints: int) -> Iterator[Span]:
    places: dict[int, tuple[int, int]] = {}  # the first and the last instant of each
    for n, one in enumerate(found):
        for identity in one.ids.tolist():
            if identity >= 0:
                places[identity] = (places.get(identity, (n, n))[0], n)
    size = keypoints * CHANNELS * 4 * 3  # such arrays at a time
    for identity, (begin, end) in sorted(places.items()):
        first = int(np.ceil(times[begin] * rate - SAME_FRAME_SHARE))
        last = int(np.floor(times[end] * rate + SAME_FRAME_SHARE))
        if (last - first) * size > MAX_BYTES:
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


def _evenly(times: Doubles, seen: Floats, rate: float, span: Span) -> Floats:
    """Instants (T, ...) at increasing times as the frames of a span."""
    frames = np.arange(span.first, span.first + span.count) / rate
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
    return mixed
