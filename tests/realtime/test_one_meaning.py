"""Numbers that mean the same in every output: scores, times, angles."""

from __future__ import annotations

import csv
import json
import time
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import posestream
from engines.types.skeleton import named_skeleton
from realtime.assembly import run, stream
from realtime.sinks.files.csv_3d import Csv3DSink
from realtime.types.joint_angles import joint_angles, joints
from realtime.types.results import Poses3D
from realtime.writing.json_text import space_people
from tests.cameras import NetworkCamera
from tests.conftest import ROOT
from tests.realtime.instants import instant
from tests.realtime.wanted import settings

PHOTO = str(ROOT / "docs" / "astronaut.jpg")


def test_a_person_has_one_score(tmp_path: Path) -> None:
    """The same number from 0 to 1 in all files and in Python."""
    files = {name: tmp_path / f"p.{name}" for name in ("jsonl", "csv", "mot", "coco")}
    run(settings(PHOTO, model="pafnet", refine="off", **files))
    line = json.loads(files["jsonl"].read_text().splitlines()[1])
    (score,) = (one["score"] for one in line["people"])
    assert 0.1 < score <= 1
    (row,) = csv.DictReader(files["csv"].read_text().splitlines())
    (entry,) = json.loads(files["coco"].read_text())
    box = files["mot"].read_text().split(",")
    assert float(row["score"]) == entry["score"] == score
    assert float(box[6]) == pytest.approx(score, abs=1e-4)
    with posestream.Pose("pafnet", refine="off") as pose:
        (person,) = pose(PHOTO)
    assert person.score == pytest.approx(score, rel=1e-5)


def test_people_of_a_lower_score_are_left_out_whoever_found_them(tmp_path: Path) -> None:
    """Also keypoints of another program."""
    people = []
    for n, score in enumerate((0.8, 0.3)):
        triple = [[100 + 200 * n + 5 * k, 50 + 11 * k, score] for k in range(17)]
        people.append({"pose_keypoints_2d": np.ravel(triple).tolist()})
    source = tmp_path / "in"
    source.mkdir()
    (source / "a_keypoints.json").write_text(json.dumps({"people": people}))
    path = tmp_path / "p.jsonl"
    for least, scores in ((0.2, [0.8, 0.3]), (0.5, [0.8])):
        run(settings(str(source), camera_size="640x480", min_score=least, jsonl=path))
        line = json.loads(path.read_text().splitlines()[1])
        assert [one["score"] for one in line["people"]] == pytest.approx(scores)


def test_times_of_a_camera_begin_with_the_run(tmp_path: Path) -> None:
    """The header says when that was, so that header + time is when the frame was taken."""
    path, began = tmp_path / "p.jsonl", time.time()
    with NetworkCamera() as camera:
        wanted = settings(camera.url(), model="pafnet", jsonl=path)
        with closing(stream(wanted)) as results:
            live = [*islice(results, 3)]
    ended = time.time()
    head, *lines = (json.loads(line) for line in path.read_text().splitlines())
    times = [line["time"] for line in lines]
    assert times == sorted(times)
    assert [round(one.time, 6) for one in live] == times
    epoch = head["started"]["epoch"]
    assert began <= epoch <= epoch + times[0] <= epoch + times[-1] <= ended
    assert datetime.fromisoformat(head["started"]["utc"]).timestamp() == pytest.approx(epoch)
    assert head["units"]["time"] == "seconds since the run started"
    (told,) = head["cameras"]
    assert told["size"] == [*live[0].views[0].frame.size]  # type: ignore[union-attr]
    assert told["live"] is True


def bent(degrees: float) -> np.ndarray:
    """A COCO-17 person in space whose left elbow is bent so, in a plane askew to all axes."""
    coco = named_skeleton("coco17")
    xyz = np.full((17, 3), np.nan)
    along = np.array([1.0, 2.0, 2.0]) / 3
    across = np.array([2.0, 1.0, -2.0]) / 3
    way = np.radians(180 - degrees)
    elbow = np.array([0.3, -0.2, 1.4])
    places = {
        "left_shoulder": elbow - 0.3 * along,
        "left_elbow": elbow,
        "left_wrist": elbow + 0.25 * (np.cos(way) * along + np.sin(way) * across),
    }
    for name, place in places.items():
        xyz[coco.keypoints.index(name)] = place
    return xyz


@pytest.mark.parametrize("degrees", [5, 60, 90, 179])
def test_angles_in_space_are_those_of_the_limbs(degrees: float, tmp_path: Path) -> None:
    coco = named_skeleton("coco17")
    one = instant([bent(degrees)], [4], skeleton=coco)
    poses = one.poses3d
    assert isinstance(poses, Poses3D)
    elbow = [*joints(coco)].index("left_elbow")
    assert joint_angles(poses)[0, elbow] == pytest.approx(degrees, abs=0.01)
    (person,) = json.loads(space_people(poses, angles=True))
    assert person["angles"]["left_elbow"] == pytest.approx(degrees, abs=0.1)
    assert person["angles"]["right_elbow"] is None
    with Csv3DSink(tmp_path / "p_3d.csv", [], coco, angles=True) as sink:
        sink.write(one)
    (row,) = csv.DictReader((tmp_path / "p_3d.csv").read_text().splitlines())
    assert float(row["left_elbow_angle"]) == pytest.approx(degrees, abs=0.1)
    assert row["right_elbow_angle"] == ""


def test_angles_of_lines_and_of_the_table_are_the_same(tmp_path: Path) -> None:
    files = {name: tmp_path / f"p.{name}" for name in ("jsonl", "csv")}
    run(settings(PHOTO, model="pafnet", angles=True, **files))
    (person,) = json.loads(files["jsonl"].read_text().splitlines()[1])["people"]
    (row,) = csv.DictReader(files["csv"].read_text().splitlines())
    known = {name: angle for name, angle in person["angles"].items() if angle is not None}
    assert known
    for name, angle in person["angles"].items():
        assert row[f"{name}_angle"] == ("" if angle is None else f"{angle:.1f}")
    assert row["speed"] == ""  # of a single picture


def test_a_table_without_a_rig_is_one_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(settings(PHOTO, model="pafnet", csv=tmp_path / "poses.csv", quiet=False))
    assert [one.name for one in tmp_path.iterdir()] == ["poses.csv"]
    said = capsys.readouterr().err
    assert "poses.csv" in said
    assert "poses_3d" not in said
