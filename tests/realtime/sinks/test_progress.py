"""What the terminal shows, with a clock that stands still between frames."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest
from rich.console import Console

from realtime.sinks.screens.progress import ProgressSink
from realtime.types.errors import OutputError, Stopped
from realtime.types.results import Result
from tests.realtime.results import Origin, result, tracks
from tests.synth import person

SEEN = tracks([person((100, 100), 90)] * 3)


class Screen:
    """A terminal (or a file) that keeps all that is written, and a clock that is set."""

    def __init__(self, *, terminal: bool = True) -> None:
        self.now = 50.0
        self.out = io.StringIO()
        self.console = Console(
            file=self.out,
            force_terminal=terminal,
            force_interactive=terminal,
            width=100,
            color_system=None,
            legacy_windows=False,
        )

    def sink(self, source: Origin, written: Sequence[str] = ()) -> ProgressSink:
        return ProgressSink([source], written, console=self.console, clock=lambda: self.now)

    def frames(self, sink: ProgressSink, count: int, seconds: float) -> None:
        for _ in range(count):
            self.now += seconds
            sink.write(result(SEEN))

    def lines(self) -> list[str]:
        """What was written, without the codes that move the cursor."""
        text = re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", self.out.getvalue())
        return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def test_a_file_has_a_bar_with_rate_people_and_time_left() -> None:
    screen = Screen()
    with screen.sink(Origin(total=100)) as sink:
        screen.frames(sink, 50, 1 / 16)
        last = screen.lines()[-1]
    assert last.startswith("clip ")
    assert "50/100" in last
    assert "16.0 fps" in last
    assert "3 people" in last
    assert last.endswith("0:00:04")


@pytest.mark.parametrize("source", [Origin(), Origin(total=100, live=True)])
def test_without_a_known_end_there_is_a_count(source: Origin) -> None:
    screen = Screen()
    with screen.sink(source) as sink:
        screen.frames(sink, 40, 0.1)
        last = screen.lines()[-1]
    assert "40 frames" in last
    assert "10.0 fps" in last
    assert "3 people" in last
    assert "100" not in last


def test_a_live_source_has_its_latency_and_drops() -> None:
    screen = Screen()
    with screen.sink(Origin(live=True)) as sink:
        for n in range(40):
            screen.now += 0.1
            view = result(SEEN, time=screen.now - 0.044).views[0]
            sink.write(Result(0, (view,), {}, dropped=n // 4))
        last = screen.lines()[-1]
    assert "latency 44 ms 9 dropped 3 people" in last
    assert screen.lines()[-1].startswith("40 frames; 3.0 people per frame; 10.0 fps; 4.0 s total; ")
    assert screen.lines()[-1].endswith("; 9 dropped")


def test_it_is_refreshed_ten_times_a_second_at_most() -> None:
    screen = Screen()
    with screen.sink(Origin(total=1000)) as sink:
        before = len(screen.lines())
        screen.frames(sink, 1000, 0.001)
        assert len(screen.lines()) - before <= 10


def test_the_summary_ends_the_run_with_figures_places_and_notes() -> None:
    screen = Screen(terminal=False)
    source = Origin(total=21, notes=["b.jpg is broken and was skipped."])
    with screen.sink(source, ["v.mp4", "out [1]"]) as sink:
        screen.now += 2
        screen.frames(sink, 21, 0.05)
    assert screen.lines() == [
        "21 frames; 3.0 people per frame; 20.0 fps; 3.0 s total; written to v.mp4, out [1]",
        "b.jpg is broken and was skipped.",
    ]


def test_a_terminal_is_left_with_the_summary_alone() -> None:
    screen = Screen()
    with screen.sink(Origin(total=3)) as sink:
        screen.frames(sink, 3, 0.2)
    assert screen.lines()[-1] == "3 frames; 3.0 people per frame; 5.0 fps; 0.6 s total"
    assert screen.out.getvalue().rindex("\x1b[2K") < screen.out.getvalue().rindex("3 frames;")


@pytest.mark.parametrize(("count", "text"), [(0, "0 frames; 0.0 s total"), (1, "1 frame; 3.0")])
def test_short_runs(count: int, text: str) -> None:
    screen = Screen(terminal=False)
    with screen.sink(Origin()) as sink:
        screen.frames(sink, count, 0.1)
    assert screen.lines()[0].startswith(text)
    assert "fps" not in screen.lines()[0]


@pytest.mark.parametrize(
    ("end", "said"), [(Stopped(), True), (KeyboardInterrupt(), True), (OutputError("x"), False)]
)
def test_the_user_may_end_it_but_an_error_speaks_for_itself(end: BaseException, said: bool) -> None:
    screen = Screen(terminal=False)
    sink = screen.sink(Origin()).__enter__()
    screen.frames(sink, 2, 0.1)
    sink.__exit__(type(end), end, None)
    assert bool(screen.lines()) is said
