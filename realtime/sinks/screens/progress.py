"""One line on the terminal that says how the run goes, and a summary at its end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from engines.types.errors import one_line
from realtime.types.errors import Stopped
from realtime.types.frames import Source
from realtime.types.results import Result

REFRESH_SECONDS = 0.1  # between refreshes: each costs the main thread a millisecond
SMOOTHING_SECONDS = 1.0  # over which the rate is averaged


class ProgressSink:
    """Shows frames, rate and people while stderr is a terminal; of files the time left, of live
    sources the latency (smoothed) and how many instants were dropped.

    written: where outputs go, for the summary. It comes with the sources' notes at the end of a
    run without an error, on a terminal or not.
    """

    of_the_run = True

    def __init__(
        self,
        sources: Sequence[Source],
        written: Sequence[str] = (),
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._written = written
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._began = self._shown = clock()
        self._first: float | None = None
        self._latest = 0.0
        self._frames = self._people = self._frames_shown = 0
        self._rate = self._latency = 0.0
        self._dropped = 0
        self._known: set[int] | None = None  # ids of 3D people, None without a rig
        self._present = 0
        live = sources[0].live
        totals = [None if source.live else source.total for source in sources]
        total = None if None in totals else max(filter(None, totals), default=0)
        name = ", ".join(source.name for source in sources)
        self._progress = Progress(
            *_columns(total, live),
            console=self._console,
            get_time=clock,
            auto_refresh=False,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task(name, total=total, rate="", live="", people="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with suppress(OSError):
            self._progress.stop()
        if kind is None or issubclass(kind, Stopped | KeyboardInterrupt):
            notes = [note for source in self._sources for note in source.notes]
            for line in (self.summary(), *notes):
                text = one_line(line)
                with suppress(OSError):
                    self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def write(self, result: Result) -> None:
        """Count a result; refresh at most every REFRESH_SECONDS."""
        self._latest = now = self._clock()
        if self._first is None:
            self._first = now
        people = sum(len(view.tracks) for view in result.views if view)
        if result.poses3d is not None:
            self._known = {*(self._known or ()), *result.poses3d.id.tolist()}
            self._present += len(result.poses3d)
        self._dropped = result.dropped
        latency = now - min(view.frame.captured for view in result.views if view)
        self._frames += 1
        self._people += people
        passed = now - self._shown
        if passed >= REFRESH_SECONDS:
            latest = (self._frames - self._frames_shown) / passed
            share = 1 - math.exp(-passed / SMOOTHING_SECONDS) if self._rate else 1.0
            self._rate += share * (latest - self._rate)
            self._latency += share * (latency - self._latency)
            self._shown, self._frames_shown = now, self._frames
            with suppress(OSError):  # the terminal is closed, which ends the run elsewhere
                self._progress.update(
                    self._task,
                    completed=self._frames,
                    rate=f"{self._rate:.1f} fps",
                    live=f"latency {1000 * self._latency:.0f} ms {self._dropped} dropped",
                    people=f"{people} people",
                    refresh=True,
                )

    def summary(self) -> str:
        """The run in one line: frames, people, rate (from the first result on), time, outputs."""
        parts = [f"{self._frames} frames" if self._frames != 1 else "1 frame"]
        if self._frames:
            views = f" in {len(self._sources)} views" if len(self._sources) > 1 else ""
            parts.append(f"{self._people / self._frames:.1f} people per frame{views}")
        if self._known is not None:
            share = self._present / self._frames
            parts.append(f"{len(self._known)} 3D people, {share:.1f} at a time")
        if self._first is not None and self._latest > self._first:
            parts.append(f"{(self._frames - 1) / (self._latest - self._first):.1f} fps")
        parts.append(f"{self._clock() - self._began:.1f} s total")
        if self._dropped:
            parts.append(f"{self._dropped} dropped")
        if self._written:
            parts.append("written to " + ", ".join(self._written))
        return "; ".join(parts)


def _columns(total: int | None, live: bool) -> list[ProgressColumn]:
    fields = ["rate", "live", "people"] if live else ["rate", "people"]
    figures = [TextColumn(f"{{task.fields[{field}]}}") for field in fields]
    name = TextColumn("{task.description}", markup=False)
    if total is None:
        return [name, SpinnerColumn(), TextColumn("{task.completed:.0f} frames"), *figures]
    return [name, BarColumn(), MofNCompleteColumn(), *figures, TimeRemainingColumn()]
