"""3D people as lines, datagrams, tables and OpenPose JSON."""

from __future__ import annotations

import csv
import io
import json
import socket
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from calibration.plots.viewpoint import upwards
from engines.types.skeleton import named_skeleton
from realtime.mocap.up_axis import turned_up
from realtime.sinks.files.csv_3d import Csv3DSink
from realtime.sinks.files.jsonl_csv_udp import JsonLinesSink, UdpSink
from realtime.sinks.files.openpose_json_3d import openpose_json3d
from realtime.sinks.screens.progress import ProgressSink
from realtime.writing.json_text import result_lines
from tests.bodies import BODY25, body
from tests.calibration.cameras import ring
from tests.realtime.instants import instant
from tests.realtime.results import Origin, header
from tests.waiting import PATIENCE

WALKER, OTHER = body((0.4, -0.2)), body((-1, 1), heading=2)
NOSE, WRIST = BODY25.keypoints.index("nose"), BODY25.keypoints.index("left_wrist")
OTHER[WRIST] = np.nan
INSTANTS = [
    instant([WALKER, OTHER], [3, 8], 0.1, filled=[(0, NOSE)]),
    instant([], [], 0.2),
    instant([OTHER], [8], 1 / 3),
]


def check(people: list[dict[str, object]]) -> None:
    """They are those of the first instant."""
    assert [one["id"] for one in people] == [3, 8]
    for one, points in zip(people, [WALKER, OTHER], strict=True):
        found = np.array([point or [np.nan] * 3 for point in one["xyz"]])  # type: ignore[attr-defined]
        np.testing.assert_allclose(found, points, atol=1e-4)
    assert people[0]["error"][NOSE] is None
    assert people[0]["filled"] == [int(n == NOSE) for n in range(25)]
    assert people[1]["xyz"][WRIST] is people[1]["error"][WRIST] is None
    assert people[1]["views"] == [0 if n == WRIST else 3 for n in range(25)]
    assert people[1]["error"][NOSE] == 2.5


def test_lines_of_json_hold_the_people_in_space(tmp_path: Path) -> None:
    """What reads them without knowing of space finds a line a view, as ever."""
    rig = ring(2)
    path = tmp_path / "poses.jsonl"
    with JsonLinesSink(path, [], header(BODY25, rig=rig)) as sink:
        for one in INSTANTS:
            sink.write(one)
    head, *lines = (json.loads(line) for line in path.read_text().splitlines())
    assert head["space"]["up"] == [0, 0, 1] == upwards(rig).tolist()
    assert head["space"].keys() >= {"in", "xyz", "error", "views", "filled"}
    assert [line["time"] for line in lines] == [0.1, 0.2, 0.333333]
    assert all(line["source"] == "clip" and line["people"] == [] for line in lines)
    check(lines[0]["space"])
    assert [len(line["space"]) for line in lines] == [2, 0, 1]


def test_only_the_first_line_of_an_instant_holds_them() -> None:
    one = INSTANTS[0]
    (view,) = one.views
    three = type(one)(one.time, (None, view, view), {}, poses3d=one.poses3d)
    first, second = (json.loads(line) for line in result_lines(three))
    check(first["space"])
    assert "space" not in second
    assert "space" not in header(BODY25).all


def test_datagrams_hold_the_people_in_space() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE)
        with UdpSink(f"127.0.0.1:{receiver.getsockname()[1]}") as sink:
            sink.write(INSTANTS[0])
        check(json.loads(receiver.recv(70_000))["space"])


def test_the_table_has_a_row_for_each_person_and_instant(tmp_path: Path) -> None:
    path = tmp_path / "poses_3d.csv"
    with Csv3DSink(path, [], BODY25) as sink:
        for one in INSTANTS:
            sink.write(one)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [(row["instant"], row["time"], row["id"]) for row in rows] == [
        *(("0", "0.1", "3"), ("0", "0.1", "8"), ("2", "0.333333", "8"))
    ]
    for row, points in zip(rows, [WALKER, OTHER, OTHER], strict=True):
        assert len(row) == 3 + 6 * 25
        for name, point in zip(BODY25.keypoints, points, strict=True):
            cells = [row[f"{name}_{axis}"] for axis in "xyz"]
            if np.isnan(point[0]):
                assert [*cells, row[f"{name}_error"], row[f"{name}_views"]] == [*[""] * 4, "0"]
            else:
                assert np.array(cells, float) == pytest.approx(point, abs=1e-5)
                assert row[f"{name}_filled"] == str(int(points is WALKER and name == "nose"))
    assert (rows[0]["nose_error"], rows[0]["neck_error"]) == ("", "2.5")


def test_json_in_the_keypoints_of_another_skeleton() -> None:
    coco18, body25 = named_skeleton("coco18"), BODY25
    of_25 = [body25.keypoints.index(name) for name in coco18.keypoints]
    known = instant([WALKER[of_25]], [3], skeleton=coco18).poses3d
    assert known is not None
    (person,) = json.loads(openpose_json3d(known, body25))["people"]
    points = dict(
        zip(body25.keypoints, np.array(person["pose_keypoints_3d"]).reshape(25, 4), strict=True)
    )
    hips = [WALKER[body25.keypoints.index(f"{side}_hip")] for side in ("left", "right")]
    assert points["mid_hip"] == pytest.approx([*np.mean(hips, axis=0), 1], abs=1e-5)
    assert points["left_knee"][:3] == pytest.approx(WALKER[body25.keypoints.index("left_knee")])
    assert points["left_heel"].tolist() == [0, 0, 0, 0]


def test_the_summary_counts_people_in_space() -> None:
    text = io.StringIO()
    with ProgressSink([Origin()], console=Console(file=text)) as sink:
        for one in INSTANTS:
            sink.write(one)
    assert "; 2 3D people, 1.0 at a time; " in text.getvalue()


@pytest.mark.parametrize("target", [1, 2])
@pytest.mark.parametrize("up", np.concatenate([np.eye(3), -np.eye(3)]), ids=str)
def test_worlds_are_turned_never_mirrored(up: np.ndarray, target: int) -> None:
    turn = turned_up(up, target)
    assert (turn @ up).tolist() == np.eye(3)[target].tolist()
    assert np.linalg.det(turn) == pytest.approx(1)
    assert np.allclose(turn @ turn.T, np.eye(3))
