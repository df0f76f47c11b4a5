"""The report: its numbers are those of the run, its file is whole, its memory bounded."""

from __future__ import annotations

import asyncio
import re
import tracemalloc
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from realtime.report.charts import clock, nice_range
from realtime.report.series import MAX_BINS, Series
from realtime.report.session import MAX_PEOPLE, Session
from realtime.sinks.files.report import ReportSink
from realtime.sports.analysis import MovementAnalysis
from realtime.types.errors import OutputError, Stopped
from realtime.types.results import Result
from tests.bodies import BODY25
from tests.browser import CHROMIUM, browser
from tests.realtime.results import files_at_most, header, result, tracks
from tests.realtime.sports.athletes import jumps, moments, pictured, posed, squats


def session_of(seconds: float = 8.0) -> list[Result]:
    """Person 1 squats twice, person 2 jumps three times."""
    analysis = MovementAnalysis(BODY25, 1, None, 1.75)
    motions = [squats(2), jumps(3)]
    out = []
    for time in moments(25, seconds):
        people = [pictured(motion(time)) + 220.0 * n for n, motion in enumerate(motions)]
        seen = replace(
            tracks(people, ids=[1, 2], skeleton=BODY25), speed=np.array([18, 36], np.float32)
        )
        out.append(analysis.add_to(result(seen, time=time)))
    return out


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return session_of()


def written(path: Path, results: list[Result], name: str = "gym.mp4") -> str:
    with ReportSink(path, [], header(BODY25, (name,)), 1.75) as sink:
        for one in results:
            sink.write(one)
    return path.read_text(encoding="utf-8")


class Text(HTMLParser):
    """Words of a page, and what it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [f"{name}={value}" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "path":
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_coach_reads_what_was_done(tmp_path: Path, results: list[Result]) -> None:
    page = written(tmp_path / "report.html", results)
    text = Text()
    text.feed(page)
    assert text.open == []  # every element is closed
    assert text.fetched == []  # and nothing is fetched
    assert "script" not in page
    said = " ".join(text.words)
    assert "2 squats, seen from 0:00" in said
    assert "3 jumps, seen from 0:00" in said
    assert "0.30\xa0m highest jump" in said
    assert "0.45\xa0m deepest squat" in said
    for title in ("Repetitions", "Height of the hips", "Speed", "Knee angle", "Elbow angle"):
        assert title in said
    assert "body height of 1.75 m" in said
    assert page.count('class="mark jump"') % 3 == 0


def test_names_of_sources_are_text_not_markup(tmp_path: Path, results: list[Result]) -> None:
    page = written(tmp_path / "report.html", results[:80], "<b>&\"'.mp4")
    assert "<b>&" not in page
    assert "&lt;b&gt;&amp;" in page


def test_nobody_in_the_run_is_a_page_too(tmp_path: Path) -> None:
    assert "0:00" in written(tmp_path / "report.html", [])
    assert "<strong>0</strong><span>people</span>" in written(tmp_path / "report.html", [result()])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Stopped(), ValueError("x")])
def test_whatever_ends_the_run_the_page_is_there(
    tmp_path: Path, results: list[Result], error: BaseException
) -> None:
    path = tmp_path / "report.html"
    sink = ReportSink(path, [], header(BODY25))

    def run() -> None:
        with sink:
            for one in results[:60]:
                sink.write(one)
            raise error

    with pytest.raises(type(error)):
        run()
    assert path.read_text().endswith("</html>\n")


def test_a_run_that_is_killed_leaves_the_page_of_a_minute_ago(
    tmp_path: Path, results: list[Result]
) -> None:
    now = 0.0
    path = tmp_path / "report.html"
    path.write_text("an older one")
    sink = ReportSink(path, [], header(BODY25), clock=lambda: now)
    sink.__enter__()
    sink.write(results[0])
    assert path.read_text() == "an older one"
    now = 61.0
    sink.write(results[1])
    assert "2 frames" in path.read_text()


def test_a_full_disk_is_told_and_the_older_page_stays(
    tmp_path: Path, results: list[Result]
) -> None:
    path = tmp_path / "report.html"
    path.write_text("an older one")
    with (
        files_at_most(2000),
        pytest.raises(OutputError, match=r"report\.html cannot be written"),
        ReportSink(path, [], header(BODY25)) as sink,
    ):
        sink.write(results[0])
    assert path.read_text() == "an older one"


def test_hours_fit_in_bounded_memory() -> None:
    """Ten hours, in part, in the room of one, with the peaks that there were."""
    series = Series(2)
    tracemalloc.start()
    for n in range(0, 10 * 3600 * 30, 90):
        value = 100.0 if n == 540_000 else np.sin(n / 1000)
        series.add(n / 30, np.array([value, np.nan]))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2e6
    times, mean, low, high = series.bins(700)
    assert len(times) <= 700
    assert np.all(np.diff(times) > 0)
    assert times[-1] == pytest.approx(36_000, rel=0.01)
    assert high[:, 0].max() == 100
    assert times[high[:, 0].argmax()] == pytest.approx(18_000, abs=60)
    assert low[:, 0].min() == pytest.approx(-1, abs=1e-3)
    assert np.nanmean(mean[:, 0]) == pytest.approx(0, abs=0.05)
    assert np.isnan(mean[:, 1]).all()


def test_bins_hold_every_number_once() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.exponential(0.03, 3 * MAX_BINS))
    values = rng.normal(0, 1, len(times))
    series = Series(1)
    for time, value in zip(times, values, strict=True):
        series.add(float(time), np.array([value]))
    assert series._count.sum() == len(values)
    assert series._sum.sum() == pytest.approx(values.sum())
    _, _, low, high = series.bins(10_000)
    assert (np.nanmin(low), np.nanmax(high)) == pytest.approx((values.min(), values.max()))


def test_those_who_do_something_are_kept_of_thousands(results: list[Result]) -> None:
    session = Session(BODY25)
    for one in results:
        session.add(one)
    analysis = MovementAnalysis(BODY25, 1, None, None)
    for n in range(10 * MAX_PEOPLE):
        passer = tracks([pictured(posed())], ids=[100 + n], skeleton=BODY25)
        session.add(analysis.add_to(result(passer, time=20 + n / 25)))
    people = session.people
    assert len(people) == MAX_PEOPLE
    assert [one.number for one in people[:2]] == [1, 2]
    assert session.counts == {"squat": 2, "jump": 3, "throw": 0}
    assert session.left_out == 9 * MAX_PEOPLE + 2


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00"), (65.4, "1:05"), (3723, "1:02:03"), (-5, "-0:05")]
)
def test_times_are_written_as_on_a_clock(seconds: float, said: str) -> None:
    assert clock(seconds) == said


@pytest.mark.parametrize(("least", "most"), [(0, 6), (57.3, 179.9), (-0.02, 0.031), (3, 3)])
def test_axes_have_round_numbers_around_all_there_is(least: float, most: float) -> None:
    bottom, top, step = nice_range(least, most)
    assert bottom <= least
    assert top >= most
    assert 1 <= round((top - bottom) / step) <= 6
    assert re.fullmatch(r"[125]e[+-]\d+", f"{step:.0e}")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [390, 1600])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_fits_a_telephone_and_a_screen(
    tmp_path: Path, results: list[Result], width: int, dark: bool
) -> None:
    """Nothing is wider than the page, texts of an axis do not meet, and ink shows on its ground."""
    path = tmp_path / "report.html"
    written(path, results)

    async def look() -> None:
        async with browser(path.as_uri(), size=(width, 1200), dark=dark) as page:
            metrics = {"width": width, "height": 1200, "deviceScaleFactor": 1, "mobile": False}
            await page.call("Emulation.setDeviceMetricsOverride", **metrics)
            await page.until("document.querySelectorAll('figure').length > 10")
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            meeting = """[...document.querySelectorAll('.drawing')].some(one => {
              const boxes = [...one.querySelectorAll('.tick')].map(t => t.getBoundingClientRect());
              return boxes.some((b, n) => n && b.left < boxes[n - 1].right);
            })"""
            assert not await page.evaluate(meeting)
            colours = await page.evaluate(
                "(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))"
            )
            ground, ink = (sum(map(int, re.findall(r"\d+", one))) for one in colours)
            assert (ground < 200 < ink) if dark else (ink < 200 < ground)
            wide = "document.querySelector('.plot svg').getBoundingClientRect().width"
            assert await page.evaluate(wide) > (250 if width == 390 else 350)

    asyncio.run(look())
