"""Metrics of a run, in memory that does not grow however long it lasts."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from engines.parts.kinds import GROUPS, Part
from realtime.types.frames import Clocked, Source
from realtime.types.results import Result, Tracks, View

BIN_GROWTH = math.log(1.01)  # of a bin over the one below
MIN_DURATION = 1e-6  # seconds; what is shorter counts as that


class DurationHistogram:
    """Median, 95th percentile and mean of durations: the mean exact, the others within 0.5 %.

    Durations are counted in bins, each one per cent wider than the one below: some 2200 from a
    microsecond to an hour.
    """

    def __init__(self) -> None:
        self._bins: Counter[int] = Counter()
        self._count = 0
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        self._bins[round(math.log(max(seconds / MIN_DURATION, 1)) / BIN_GROWTH)] += 1
        self._count += 1
        self._sum += seconds

    def report(self) -> dict[str, float] | None:
        """The three in seconds, None where there was nothing."""
        if not self._count:
            return None
        return {
            "p50": _rounded(self._at(0.5)),
            "p95": _rounded(self._at(0.95)),
            "mean": _rounded(self._sum / self._count),
        }

    def _at(self, share: float) -> float:
        """The least duration that so large a share of all does not exceed."""
        places = sorted(self._bins)
        counts = accumulate(self._bins[place] for place in places)
        place = places[bisect_left([*counts], share * self._count)]
        return MIN_DURATION * math.exp(place * BIN_GROWTH)


class SourceMetrics:
    """What one source gave."""

    def __init__(self, name: str, step: int) -> None:
        self._name = name
        self._step = step
        self._frames = self._people = self._dropped = 0
        self._index: int | None = None
        self.size: tuple[int, int] | None = None
        self._first = self._last = 0.0

    def add(self, view: View, now: float) -> None:
        """Count a frame that came at `now`."""
        index = view.frame.index
        if self._index is not None:
            self._dropped += max(0, math.ceil((index - self._index) / self._step) - 1)
        if not self._frames:
            self._first = now
        self._index, self._last, self.size = index, now, view.frame.size
        self._frames += 1
        self._people += len(view.tracks)

    def report(self, live: bool) -> dict[str, Any]:
        return {
            "name": self._name,
            "size": self.size,
            "frames": self._frames,
            "fps": _rate(self._frames, self._last - self._first),
            "dropped": self._dropped if live else 0,
            "people": self._people,
        }


class PartMetrics:
    """What was found of one kind of part: hands, faces or feet."""

    def __init__(self, part: Part) -> None:
        self._groups = GROUPS[part]
        self._seen = self._carried = 0
        self.there = False  # whether the skeleton has such keypoints
        self.durations = DurationHistogram()

    def add(self, tracks: Tracks) -> None:
        """Count the parts of one frame's people, left and right hands each for itself."""
        for group in self._groups:
            at = list(tracks.poses.skeleton.groups[group])
            self.there |= bool(at)
            found, filled = tracks.poses.found[:, at], tracks.filled[:, at]
            seen = (found & ~filled).any(axis=1)
            self._seen += int(seen.sum())
            self._carried += int((found.any(axis=1) & ~seen).sum())

    def report(self) -> dict[str, Any]:
        """seen: by a network; carried: between looks; seconds: of looking, an instant."""
        return {
            "seen": self._seen,
            "carried": self._carried,
            "seconds": self.durations.report(),
        }


class RunMetrics:
    """Counts results, each with the moment it came (seconds on the monotonic clock).

    step: of the frames chosen. A source's dropped frames are the gaps in its numbers from its first
    result on: those that found no partner of other cameras, and those of instants left out.
    """

    def __init__(self, sources: Sequence[Source], step: int = 1) -> None:
        self._live = sources[0].live
        self._sources = sources
        self._tallies = [SourceMetrics(source.name, step) for source in sources]
        self._stages: defaultdict[str, DurationHistogram] = defaultdict(DurationHistogram)
        self._parts = {part: PartMetrics(part) for part in GROUPS}
        self._latency = DurationHistogram()
        self._results = self._dropped = self._people = 0
        self._refined: int | None = None  # instants whose 3D people were fully refined
        self._ids: set[int] = set()  # of 3D people
        self._present = 0
        self._first = self._last = 0.0

    def add(self, result: Result, now: float) -> None:
        """Count a result."""
        if not self._results:
            self._first = now
        self._results += 1
        self._last = now
        self._dropped = result.dropped
        if result.poses3d is not None:
            self._refined = (self._refined or 0) + result.poses3d.refined
            self._ids.update(result.poses3d.id.tolist())
            self._present += len(result.poses3d)
        for stage, seconds in result.seconds.items():
            self._stages[stage].add(seconds)
        for part, seconds in result.part_seconds.items():
            self._parts[part].durations.add(seconds)
        for tally, view in zip(self._tallies, result.views, strict=True):
            if view is not None:
                tally.add(view, now)
                self._people += len(view.tracks)
                self._latency.add(now - view.frame.captured)
                for metrics in self._parts.values():
                    metrics.add(view.tracks)

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) of the first source's pictures, once there is one."""
        return self._tallies[0].size

    def report(self) -> dict[str, Any]:
        """All of it for a JSON file; times in seconds, null where there is nothing to say."""
        return {
            "results": self._results,
            "fps": _rate(self._results, self._last - self._first),
            "dropped": self._dropped,
            "people": self._people,
            "refined": self._refined,
            "in_space": None
            if self._refined is None
            else {"ids": len(self._ids), "people": self._present},
            "age": self._latency.report() if self._live else None,
            "parts": {part: one.report() for part, one in self._parts.items() if one.there},
            "stages": {name: durations.report() for name, durations in self._stages.items()},
            "sources": [
                {**tally.report(self._live), **_clock(source)}
                for tally, source in zip(self._tallies, self._sources, strict=True)
            ],
        }


def _clock(source: Source) -> dict[str, Any]:
    """Of a source on another computer: how its clock was brought onto ours."""
    report = source.clock_report() if isinstance(source, Clocked) else None
    return {} if report is None else {"clock": {name: _rounded(s) for name, s in report.items()}}


def _rate(count: int, seconds: float) -> float | None:
    return round((count - 1) / seconds, 2) if count > 1 and seconds > 0 else None


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.4g}")
