"""OpenPose JSON 1.3, read back by Python's json module."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.types.poses import Candidates
from realtime.settings.sources import SourceSettings
from realtime.sinks.files.openpose_json_2d import JsonSink, Units, openpose_json
from realtime.sources import open_source
from realtime.types.errors import OutputError, SettingsError
from tests.realtime.results import files_at_most, keypoints, result, tracks
from tests.realtime.wanted import settings
from tests.synth import SKELETON, crowd, hide, person

KEYS = [
    "person_id",
    "pose_keypoints_2d",
    "face_keypoints_2d",
    "hand_left_keypoints_2d",
    "hand_right_keypoints_2d",
    "pose_keypoints_3d",
    "face_keypoints_3d",
    "hand_left_keypoints_3d",
    "hand_right_keypoints_3d",
]


def test_a_file_a_frame_with_all_keys_in_order(tmp_path: Path) -> None:
    people = crowd(3, (640, 480), np.random.default_rng(0))
    with JsonSink(tmp_path / "new" / "json") as sink:
        sink.write(result(tracks(people), name="a_000000000004"))
        sink.write(result(name="a_000000000005"))
    assert sorted(file.name for file in (tmp_path / "new" / "json").iterdir()) == [
        "a_000000000004_keypoints.json",
        "a_000000000005_keypoints.json",
    ]
    data = json.loads((tmp_path / "new/json/a_000000000004_keypoints.json").read_bytes())
    assert list(data) == ["version", "people"]
    assert data["version"] == 1.3
    assert len(data["people"]) == 3
    for one, points in zip(data["people"], people, strict=True):
        assert list(one) == KEYS
        assert one["person_id"] == [-1]
        assert all(one[key] == [] for key in KEYS[2:])
        read = np.array(one["pose_keypoints_2d"]).reshape(-1, 3)
        np.testing.assert_allclose(read[:, :2], np.nan_to_num(points), atol=1e-3)
        np.testing.assert_array_equal(read[:, 2], np.where(np.isnan(points[:, 0]), 0, 0.5))


def test_a_frame_without_people_is_openposes_empty_file(tmp_path: Path) -> None:
    with JsonSink(tmp_path) as sink:
        sink.write(result(name="photo"))
    text = (tmp_path / "photo_keypoints.json").read_bytes()
    assert text == b'{"version":1.3,"people":[]}'


def test_missing_keypoints_are_zeros_and_ids_are_written() -> None:
    points = hide(person((100, 100), 90), "nose", "left_ankle")
    one = json.loads(openpose_json(tracks([points], ids=[12345678])))["people"][0]
    assert one["person_id"] == [12345678]
    read = np.array(one["pose_keypoints_2d"]).reshape(-1, 3)
    missing = [SKELETON.keypoints.index(name) for name in ("nose", "left_ankle")]
    assert (read[missing] == 0).all()
    assert (np.delete(read, missing, axis=0) != 0).all()


def test_numbers_as_cpp_streams_print_them_and_no_blank_anywhere() -> None:
    points = keypoints(nose=(1234.56789, 0.0000123456), neck=(-7.5, 12345678))
    text = openpose_json(tracks([points]))
    start = '{"version":1.3,"people":[{"person_id":[-1],"pose_keypoints_2d":['
    assert text.startswith(f"{start}1234.57,1.23456e-05,0.5,-7.5,1.23457e+07,0.5,0,0,0,")
    assert not re.search(r"\s", text)


def test_part_candidates_are_listed_by_keypoint_after_the_people() -> None:
    """As OpenPose writes them: one object, a key for every keypoint, x, y, score in a row."""
    peaks = np.array([[0, 10.5, 20, 0.5], [0, 99.25, 7, 0.25], [17, 3, 4, 0.125]], np.float32)
    candidates = Candidates(peaks, np.zeros((0, 4), np.float32))
    text = openpose_json(tracks([person((100, 100), 90)]), candidates=candidates.peaks)
    data = json.loads(text)
    assert list(data) == ["version", "people", "part_candidates"]
    assert not re.search(r"\s", text)
    [parts] = data["part_candidates"]
    assert list(parts) == [str(n) for n in range(18)]
    assert parts["0"] == [10.5, 20, 0.5, 99.25, 7, 0.25]
    assert parts["17"] == [3, 4, 0.125]
    assert all(parts[str(n)] == [] for n in range(1, 17))


@pytest.mark.parametrize(("units", "least"), [("unit", 0), ("signed", -1)])
def test_normalised_coordinates_are_read_as_the_same_pixels(
    tmp_path: Path, units: Units, least: int
) -> None:
    """From the first pixel's centre to the last one's, as OpenPose's --keypoint_scale 3 and 4."""
    people = crowd(3, (320, 240), np.random.default_rng(0))
    hide(people[0], "left_wrist")
    people[1][0] = 319, 0
    peaks = np.array([[0, 0, 239, 0.5]], np.float32)
    none = np.zeros((0, 4), np.float32)
    with JsonSink(tmp_path, candidates=True, units=units) as sink:
        seen = result(tracks(people), name="a_000000000004")
        (view,) = seen.views
        assert view is not None
        with_peaks = replace(view, evidence=Candidates(peaks, none))
        sink.write(replace(seen, views=(with_peaks,)))
    data = json.loads((tmp_path / "a_000000000004_keypoints.json").read_text())
    numbers = np.array(data["people"][1]["pose_keypoints_2d"])
    assert numbers[:2].tolist() == [1, least]
    assert data["part_candidates"][0]["0"] == [least, 1, 0.5]
    every = np.array([one["pose_keypoints_2d"] for one in data["people"]])
    assert least <= every.min() <= every.max() <= 1
    with open_source(SourceSettings(str(tmp_path), camera_size="320x240")) as source:
        (frame,) = source
    assert frame.poses is not None
    np.testing.assert_allclose(frame.poses.xy, np.array(people), atol=2e-3)


def test_units_need_json_to_be_of() -> None:
    with pytest.raises(SettingsError, match="--json-units is about --json; add --json FOLDER"):
        settings("a", json_units="unit")


def test_the_form_is_that_of_other_writers(data: Path) -> None:
    """Files of another program in OpenPose's format: same text around the numbers.

    That one has no line ends, which mean nothing to a reader.
    """
    file = sorted((data / "shelf-dev" / "cam0").glob("*.json"))[0]
    number = r"-?\d+(\.\d+)?(e[-+]\d+)?"
    lists = rf"\[{number}(,{number})*\]"
    people = json.loads(file.read_text())["people"]
    ours = openpose_json(tracks([person((100, 100), 90)] * len(people)))
    assert re.sub(lists, "[]", ours).replace("\n", "") == re.sub(lists, "[]", file.read_text())


def test_a_full_disk_leaves_the_files_before_and_no_half_one(tmp_path: Path) -> None:
    small = tracks([person((100, 100), 90)])
    large = tracks([person((100, 100), 90)] * 20)
    with JsonSink(tmp_path) as sink, files_at_most(4000):
        sink.write(result(small, name="a_0"))
        with pytest.raises(OutputError, match=r"a_1_keypoints.json cannot be written: file too"):
            sink.write(result(large, name="a_1"))
    assert [file.name for file in tmp_path.iterdir()] == ["a_0_keypoints.json"]
    assert len(json.loads((tmp_path / "a_0_keypoints.json").read_text())["people"]) == 1


def test_a_folder_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(OutputError, match=r"--json .*name a folder"):
            JsonSink(place)
    with pytest.raises(OutputError, match=r"--json /proc/none cannot be written"):
        JsonSink(Path("/proc/none"))
    assert (tmp_path / "file").read_text() == "mine"
