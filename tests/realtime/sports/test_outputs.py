"""What people do, in the outputs of a run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import posestream
from realtime.drawing.movements import movement_lines
from realtime.drawing.overlay import Overlay
from realtime.sinks.files.csv_3d import Csv3DSink
from realtime.sinks.files.openpose_json_2d import openpose_json
from realtime.sports.analysis import MovementAnalysis
from realtime.types.errors import SettingsError
from realtime.types.movement import Event, Movement
from realtime.writing.json_text import ResultLines
from tests.bodies import BODY25
from tests.calibration.cameras import ring
from tests.realtime.instants import instant
from tests.realtime.results import result, tracks
from tests.realtime.sports.athletes import jumps, moments, pictured, posed
from tests.realtime.wanted import settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OpenPose JSON, 30 a second, of somebody who jumps twice."""
    folder = tmp_path_factory.mktemp("jumps")
    for n, time in enumerate(moments(30, 7)):
        poses = tracks([pictured(jumps(2)(time), 300.0)], skeleton=BODY25)
        (folder / f"gym_{n:012d}_keypoints.json").write_text(openpose_json(poses))
    return folder


def test_a_run_counts_jumps_in_lines_tables_and_the_report(folder: Path, tmp_path: Path) -> None:
    """From keypoint files, through the tracker."""
    posestream.run(
        str(folder),
        lambda _: None,
        events=True,
        person_height=1.75,
        jsonl=tmp_path / "poses.jsonl",
        csv=tmp_path / "poses.csv",
        report=tmp_path / "report.html",
    )
    head, *lines = map(json.loads, (tmp_path / "poses.jsonl").read_text().splitlines())
    assert "metres" in head["units"]["movement"]
    people = [line["people"][0]["movement"] for line in lines if line["people"]]
    found = [event for one in people for event in one["events"]]
    assert [(event["kind"], event["number"]) for event in found] == [("jump", 1), ("jump", 2)]
    for n, event in enumerate(found):
        assert event["height"] == pytest.approx(0.3, abs=0.02)  # through the smoothing of poses
        assert event["time"] == pytest.approx(1.847 + 2.5 * n, abs=0.05)
        assert event["start"] < event["time"] < event["end"]
    assert people[-1]["counts"] == {"squat": 0, "jump": 2, "throw": 0}
    rows = list(csv.DictReader((tmp_path / "poses.csv").read_text().splitlines()))
    assert rows[-1]["jumps"] == "2"
    assert [float(row["jump_height"]) for row in rows if row["jump_time"]] == [
        event["height"] for event in found
    ]
    assert {row["throw_release_angle"] for row in rows} == {""}
    assert "2 jumps, seen" in (tmp_path / "report.html").read_text()


def test_without_the_option_lines_are_as_before() -> None:
    seen = tracks([pictured(posed())], ids=[3], skeleton=BODY25)
    one = MovementAnalysis(BODY25, 1, None, None).add_to(result(seen))
    assert b"movement" in ResultLines(events=True).of(one)[0]
    assert b"movement" not in ResultLines().of(one)[0]


def test_people_in_space_have_movements_once(tmp_path: Path) -> None:
    """In the 3D people of a line and in their own table."""
    analysis = MovementAnalysis(BODY25, 1, ring(4), None)
    lines = ResultLines(events=True)
    said = []
    path = tmp_path / "poses_3d.csv"
    with Csv3DSink(path, [], BODY25, events=True) as sink:
        for time in moments(30, 4):
            one = analysis.add_to(instant([jumps(1)(time)], [6], time))
            said.append(json.loads(lines.of(one)[0]))
            sink.write(one)
    assert "movement" not in json.dumps(said[-1]["people"])
    (person,) = said[-1]["space"]
    assert (person["id"], person["movement"]["counts"]["jump"]) == (6, 1)
    (row,) = (row for row in csv.DictReader(path.read_text().splitlines()) if row["jump_time"])
    assert float(row["jump_height"]) == pytest.approx(0.3, abs=0.01)
    assert float(row["speed_mps"]) == pytest.approx(0, abs=0.01)


def test_pictures_say_what_somebody_did() -> None:
    """Under the feet; and nothing before anything was done."""
    analysis, overlay = MovementAnalysis(BODY25, 1, None, 1.75), Overlay(events=True)
    plain = Overlay()
    changed = []
    for time in moments(30, 4):
        points = pictured(jumps(1)(time), 200.0) * 0.3
        one = analysis.add_to(result(tracks([points], ids=[2], skeleton=BODY25), time=time))
        (with_events,), (without,) = overlay.pictures(one), plain.pictures(one)
        different = (with_events.image != without.image).any(axis=2)
        changed.append(different.any())
        if different.any():
            rows = np.flatnonzero(different.any(axis=1))
            assert rows.min() >= np.nanmax(points[:, 1])
    assert not changed[0]
    assert changed[-1]


def test_the_line_of_a_picture_names_the_measure_of_the_latest() -> None:
    nan = float("nan")
    jump = Event("jump", 2.0, 1.8, 2.2, 2, {"height": 0.31, "flight": 0.5, "knee_angle": 90.0})
    counts = {"squat": 1, "jump": 2}
    assert movement_lines(Movement(counts=counts, latest=jump)) == ["1 squat", "2 jumps: 0.31 m"]
    unknown = Event("jump", 2.0, 1.8, 2.2, 2, {"height": nan, "flight": 0.5, "knee_angle": 90.0})
    assert movement_lines(Movement(counts={"jump": 2}, latest=unknown)) == ["2 jumps: 0.50 s"]
    squat = {"depth": nan, "knee_angle": 57.4, "duration": 1.0}
    low = Movement(counts={"squat": 1}, latest=Event("squat", 1, 0, 2, 1, squat))
    assert movement_lines(low) == ["1 squat: 57 deg"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"person_height": 1.8}, "gives --events and --report a scale"),
        ({"events": True, "person_height": 180.0}, "from 0.5 to 2.6 metres, not 180"),
        ({"events": True, "track": False}, "--events needs ids"),
        ({"report": Path("r.html"), "track": False}, "--report needs ids"),
        ({"report": Path("r.pdf")}, "must end in .html"),
        ({"events": True, "person_height": 1.8, "rig": Path("rig.toml")}, "metres already"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings("clip.mp4", **options)
