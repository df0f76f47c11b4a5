"""Figures of a run: against numpy, in bounded memory, and as the file that --stats writes."""

from __future__ import annotations

import json
import platform
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.types.skeleton_groups import with_groups
from realtime.assembly import stream
from realtime.runtime.run_metrics import DurationHistogram, RunMetrics
from realtime.sinks.files.stats_json import StatsSink
from realtime.types.errors import OutputError, Stopped
from realtime.types.frames import Frame
from realtime.types.results import Result, View
from realtime.writing.header import PROGRAM
from tests.realtime.instants import instant
from tests.realtime.results import Origin, files_at_most, grey, result, tracks
from tests.realtime.wanted import settings
from tests.synth import SKELETON, person, scene, write_tiny_network, write_video

SEEN = tracks([person((100, 100), 90)] * 2)


def view(camera: str, index: int, captured: float = 0.0) -> View:
    frame = Frame(camera, index, f"{camera}_{index:012d}", captured, captured, grey(32, 24))
    return View(frame, SEEN)


@pytest.mark.parametrize("scale", [1e-5, 0.02, 300.0])
def test_a_spread_is_numpys_within_half_a_per_cent(scale: float) -> None:
    values = np.random.default_rng(3).lognormal(0, 1.5, 5001) * scale
    spread = DurationHistogram()
    for value in values:
        spread.add(value)
    report = spread.report()
    assert report is not None
    assert report["mean"] == pytest.approx(values.mean(), rel=1e-3)
    for key, share in (("p50", 50), ("p95", 95)):
        found = np.percentile(values, share, method="inverted_cdf")
        assert report[key] == pytest.approx(found, rel=0.006)


def test_a_spread_of_nothing_and_of_no_time() -> None:
    assert DurationHistogram().report() is None
    spread = DurationHistogram()
    spread.add(0.0)
    report = spread.report()
    assert report is not None
    assert report["p95"] <= 1e-6
    assert report["mean"] == 0


def test_it_does_not_grow() -> None:
    """Many durations from a microsecond to an hour, in the room of some thousand counts."""
    spread = DurationHistogram()
    for value in np.exp(np.random.default_rng(0).uniform(np.log(1e-6), np.log(3600), 200_000)):
        spread.add(value)
    assert len(spread._bins) < 2300
    assert sys.getsizeof(spread._bins) < 200_000


def test_frames_rates_drops_and_ages() -> None:
    """Two cameras at 10 fps; every fourth instant is left out, one camera is out at times."""
    stats = RunMetrics([Origin("left", live=True), Origin("right", live=True)])
    dropped = 0
    for n in range(40):
        if n % 4 == 3:
            dropped += 1
            continue
        now = 100 + n / 10
        other = view("right", n, now - 0.04) if n < 20 else None
        views = (view("left", n, now - 0.08), other)
        stats.add(Result(now, views, {"infer": 0.02 + n / 1000}, dropped), now)
    report = stats.report()
    assert (report["results"], report["dropped"], report["people"]) == (30, 9, 90)
    assert report["fps"] == pytest.approx(29 / 3.8, abs=0.01)
    assert report["age"]["p50"] == pytest.approx(0.08, rel=0.006)
    assert report["age"]["mean"] == pytest.approx((30 * 0.08 + 15 * 0.04) / 45, rel=1e-3)
    assert report["stages"]["infer"]["p50"] == pytest.approx(0.038, rel=0.03)
    left, right = report["sources"]
    assert left == {
        "name": "left",
        "size": (32, 24),
        "frames": 30,
        "dropped": 9,
        "people": 60,
        "fps": pytest.approx(29 / 3.8, abs=0.01),
    }
    assert (right["frames"], right["dropped"]) == (15, 4)


def test_hands_and_feet_are_counted_and_timed() -> None:
    """Two people: three hands and one face seen, a hand carried; the skeleton has no feet."""
    whole = with_groups(SKELETON, ("left_hand", "right_hand", "face"))
    points = np.full((2, len(whole.keypoints), 2), 20.0)
    points[1, [*whole.right_hand[1:], *whole.face]] = np.nan
    seen = tracks(list(points), skeleton=whole)
    seen.filled[1, list(whole.left_hand)] = True
    stats = RunMetrics([Origin()])
    shown = View(view("a", 0).frame, seen)
    stats.add(Result(0, (shown,), {"people": 0.05}, part_seconds={"hands": 0.02}), 0)
    report = stats.report()["parts"]
    assert {part: (one["seen"], one["carried"]) for part, one in report.items()} == {
        "hands": (3, 1),
        "face": (1, 0),
    }
    assert report["hands"]["seconds"]["mean"] == pytest.approx(0.02)
    assert report["face"]["seconds"] is None


def test_people_in_space_are_counted() -> None:
    stats = RunMetrics([Origin()])
    assert stats.report()["in_space"] is None
    for ids in ([3], [3, 5], [], [5]):
        poses = instant([np.zeros((25, 3))] * len(ids), ids).poses3d
        stats.add(Result(0, (view("clip", 0),), {}, poses3d=poses), 0.0)
    assert stats.report()["in_space"] == {"ids": 2, "people": 4}


def test_a_file_has_no_age_and_its_steps_are_no_drops() -> None:
    stats = RunMetrics([Origin()], step=3)
    for n in range(5, 50, 3):
        stats.add(Result(0, (view("clip", n),), {}), n / 10)
    report = stats.report()
    assert report["age"] is None
    assert report["sources"][0]["dropped"] == 0
    live = RunMetrics([Origin(live=True)], step=3)
    for n in (5, 8, 17, 20):
        live.add(Result(0, (view("clip", n),), {}), n / 10)
    assert live.report()["sources"][0]["dropped"] == 2


@pytest.mark.parametrize(
    ("end", "ended", "error"),
    [
        (None, "complete", None),
        (Stopped(), "stopped", None),
        (GeneratorExit(), "stopped", None),
        (KeyboardInterrupt(), "interrupted", None),
        (OutputError("full"), "error", "full"),
    ],
)
def test_the_file_is_written_whatever_ends_the_run(
    tmp_path: Path, end: BaseException | None, ended: str, error: str | None
) -> None:
    path = tmp_path / "deep" / "stats.json"
    sink = StatsSink(path, [], [Origin()], None).__enter__()
    sink.__exit__(end and type(end), end, None)
    data = json.loads(path.read_text())
    assert (data["ended"], data["error"], data["results"]) == (ended, error, 0)
    assert [one.name for one in path.parent.iterdir()] == ["stats.json"]


def test_a_killed_run_leaves_what_was_a_minute_before(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    path.write_text("older")
    now = 0.0
    sink = StatsSink(path, [], [Origin()], None, clock=lambda: now)
    for n in range(200):
        now = float(n)
        sink.write(result(index=n, time=now))
        if n == 59:
            assert path.read_text() == "older"
    data = json.loads(path.read_text())
    assert (data["ended"], data["results"], data["seconds"]) == (None, 181, 180)


def test_without_room_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    path.write_text("older")
    with (
        files_at_most(100),
        pytest.raises(OutputError, match="cannot be written"),
        StatsSink(path, [], [Origin()], None),
    ):
        pass
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("stats.json", "older")]


def test_it_may_not_be_the_source(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"--stats .* is the source itself"):
        StatsSink(film, [film.resolve()], [Origin()], None)


def test_a_whole_run_and_one_that_its_caller_ends(tmp_path: Path) -> None:
    card = write_tiny_network(tmp_path, height=256)
    pictures = [scene([person((160, 128), 180)], (320, 256))] * 12
    clip = write_video(tmp_path / "clip.mkv", pictures, [n / 30 for n in range(12)])

    def figures(count: int | None) -> dict[str, Any]:
        stats = tmp_path / "stats.json"
        results = stream(
            settings(str(clip), step=2, model=str(card), precision="fp32", stats=stats)
        )
        began = time.monotonic()
        for _ in islice(results, count):
            pass
        results.close()
        data: dict[str, Any] = json.loads((tmp_path / "stats.json").read_text())
        assert 0 < data["seconds"] <= time.monotonic() - began + 0.001
        return data

    data = figures(None)
    assert (data["program"], data["ended"], data["error"]) == (*(PROGRAM, "complete", None),)
    assert (data["results"], data["people"], data["dropped"]) == (6, 6, 0)
    assert data["sources"][0]["size"] == [320, 256]
    assert set(data["stages"]) >= {"infer", "people"}
    for spread in data["stages"].values():
        assert 0 < spread["p50"] <= spread["p95"]
    assert data["model"]["input"] == [320, 256]
    assert data["model"]["precision"] == "fp32"
    assert data["versions"]["python"] == platform.python_version()
    assert data["versions"]["opencv"] == cv2.__version__
    assert data["versions"]["openvino"]
    assert data["machine"]["cores"] >= 1
    assert data["machine"]["memory"] > 2**26
    assert figures(3)["ended"] == "stopped"
