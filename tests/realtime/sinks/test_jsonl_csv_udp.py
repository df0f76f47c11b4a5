"""JSON lines, the table and datagrams, read back by others."""

from __future__ import annotations

import csv
import json
import math
import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import posestream
from engines.types.poses import Poses
from realtime.settings.sources import SourceSettings
from realtime.sinks.files.jsonl_csv_udp import CsvSink, JsonLinesSink, UdpSink
from realtime.sinks.files.openpose_json_2d import openpose_json
from realtime.sources import open_source
from realtime.types.errors import OutputError
from realtime.types.frames import Frame
from realtime.types.results import Result, Tracks, View
from realtime.writing.json_text import frame_line
from tests.realtime.results import files_at_most, grey, header, result, tracks
from tests.synth import SKELETON, hide, person
from tests.waiting import PATIENCE

PEOPLE = [
    hide(person((100, 100), 120), "left_wrist", "nose"),
    person((220, 110), 100, "walking"),
]
HEADER = header(model="model")


def results() -> list[Result]:
    """Three frames: two people, nobody, one person."""
    return [
        result(tracks(PEOPLE, ids=[7, 9]), time=0.1),
        result(time=0.2),
        result(tracks(PEOPLE[:1]), time=1 / 3),
    ]


def test_json_lines_begin_with_a_header_and_hold_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "poses.jsonl"
    with JsonLinesSink(path, [], HEADER) as sink:
        for one in results():
            sink.write(one)
    head, *lines = (json.loads(line) for line in path.read_text().splitlines())
    assert head["program"] == f"posestream {posestream.__version__}"
    assert head["model"] == "model"
    assert head["sources"] == ["clip"]
    assert head["skeleton"]["keypoints"] == list(SKELETON.keypoints)
    camera = {"name": "clip", "fps": 25, "size": [320, 240], "live": False}
    assert head["cameras"] == [camera]
    assert head["started"] == {"utc": "2023-11-14T22:13:20.250000+00:00", "epoch": 1700000000.25}
    assert head["units"]["time"] == "seconds on the file's own clock"
    assert head["units"].keys() >= {"keypoints", "score", "angles", "speed"}
    assert [len(line["people"]) for line in lines] == [2, 0, 1]
    assert [line["time"] for line in lines] == [0.1, 0.2, 0.333333]
    assert [one["id"] for one in lines[0]["people"]] == [7, 9]
    found = np.array(lines[0]["people"][0]["keypoints"])
    seen = ~np.isnan(PEOPLE[0][:, 0])
    np.testing.assert_allclose(found[seen, :2], PEOPLE[0][seen], atol=1e-3)
    assert (found[~seen] == 0).all()


def test_the_table_has_a_row_for_each_person(tmp_path: Path) -> None:
    path = tmp_path / "poses.csv"
    with CsvSink(path, [], SKELETON) as sink:
        for one in results():
            sink.write(one)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [(row["time"], row["id"]) for row in rows] == [
        *(("0.1", "7"), ("0.1", "9"), ("0.333333", "-1"))
    ]
    for row, points in zip(rows, [*PEOPLE, PEOPLE[0]], strict=True):
        assert len(row) == 5 + 3 * len(SKELETON.keypoints)
        for name, (x, y) in zip(SKELETON.keypoints, points, strict=True):
            if np.isnan(x):
                assert row[f"{name}_x"] == row[f"{name}_y"] == row[f"{name}_score"] == ""
            else:
                assert float(row[f"{name}_x"]) == pytest.approx(x, abs=1e-3)
                assert float(row[f"{name}_y"]) == pytest.approx(y, abs=1e-3)
                assert float(row[f"{name}_score"]) == 0.5


def write_on(sink: CsvSink | JsonLinesSink) -> None:
    for _ in range(1000):
        sink.write(results()[0])


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_full_disk_leaves_whole_lines(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out"
    sink = CsvSink(path, [], SKELETON) if kind == "csv" else JsonLinesSink(path, [], HEADER)
    with files_at_most(6000), sink, pytest.raises(OutputError, match="cannot be written: file too"):
        write_on(sink)
    text = path.read_text()
    assert 3000 < len(text) <= 6000
    assert text.endswith("\n")
    for line in text.splitlines()[1:]:
        if kind == "csv":
            assert line.count(",") == 4 + 3 * len(SKELETON.keypoints)
        else:
            assert len(json.loads(line)["people"]) == 2


def test_a_folder_is_no_file_for_lines(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"--jsonl .* is a folder; name a file"):
        JsonLinesSink(tmp_path, [], HEADER)


def test_each_frame_is_a_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE)
        with UdpSink(f"127.0.0.1:{receiver.getsockname()[1]}") as sink:
            for one in results():
                sink.write(one)
        got = [json.loads(receiver.recv(70_000)) for _ in range(3)]
    assert [len(line["people"]) for line in got] == [2, 0, 1]


def test_nobody_listening_and_too_many_people_do_not_matter() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        port = receiver.getsockname()[1]
    with UdpSink(f"127.0.0.1:{port}") as sink:
        for _ in range(20):
            sink.write(result(tracks(PEOPLE)))
        sink.write(result(tracks([PEOPLE[1]] * 400)))


@pytest.mark.parametrize("address", ["here", "127.0.0.1:", "127.0.0.1:many", "no such host:1"])
def test_a_bad_address_is_one_sentence(address: str) -> None:
    with pytest.raises(OutputError, match="HOST:PORT"):
        UdpSink(address)


FLOATS = st.floats(-1e4, 1e4, width=32)
SCORES = st.floats(2**-10, 1, width=32)
POINTS = st.none() | st.tuples(FLOATS, FLOATS, SCORES)
CROWDS = st.lists(
    st.lists(POINTS, min_size=len(SKELETON.keypoints), max_size=len(SKELETON.keypoints)),
    max_size=3,
)


def crowd(people: list[list[tuple[float, float, float] | None]], ids: list[int]) -> Tracks:
    """Tracks of these keypoints, None = not found."""
    nothing = (math.nan, math.nan, 0.0)
    flat = [[point or nothing for point in person] for person in people]
    triples = np.array(flat, np.float32).reshape(-1, len(SKELETON.keypoints), 3)
    score = triples[..., 2].copy()
    poses = Poses(SKELETON, triples[..., :2].copy(), score, score.sum(1))
    return Tracks(np.array(ids, np.int64), poses, np.zeros(score.shape, bool))


@settings(max_examples=60, deadline=None)
@given(
    people=CROWDS,
    start=st.integers(-1, 2**53),
    index=st.integers(0, 10**12),
    time=st.floats(0, 1e7),
    camera=st.text(max_size=9),
)
def test_whatever_is_found_parses_back(
    people: list[list[tuple[float, float, float] | None]],
    start: int,
    index: int,
    time: float,
    camera: str,
) -> None:
    """A line of JSON and OpenPose's file hold the same numbers, to six digits."""
    seen = crowd(people, [start + n for n in range(len(people))])
    frame = Frame(camera, index, "clip_0", time, time, grey())
    text = frame_line(View(frame, seen))
    assert "\n" not in text
    line = json.loads(text)
    assert (line["source"], line["index"]) == (camera, index)
    assert line["time"] == pytest.approx(time, abs=1e-6)
    openpose = json.loads(openpose_json(seen))["people"]
    assert len(line["people"]) == len(openpose) == len(people)
    for n, points in enumerate(people):
        wanted = [value for point in points for value in point or (0, 0, 0)]
        ours = [value for point in line["people"][n]["keypoints"] for value in point]
        assert ours == pytest.approx(wanted, rel=1e-5, abs=1e-30)
        assert openpose[n]["pose_keypoints_2d"] == ours
        assert line["people"][n]["id"] == openpose[n]["person_id"][0] == start + n


@given(model=st.text(), sources=st.lists(st.text()))
def test_the_header_parses_back(model: str, sources: list[str]) -> None:
    text = header(names=sources, model=model).line
    assert "\n" not in text
    head = json.loads(text)
    assert (head["model"], head["sources"]) == (model, sources)
    assert head["skeleton"]["keypoints"] == list(SKELETON.keypoints)
    assert head["skeleton"]["limbs"] == [list(limb) for limb in SKELETON.drawn]


@settings(max_examples=30, deadline=None)
@given(people=CROWDS.filter(bool))
def test_what_openpose_json_says_comes_back_as_a_source(
    people: list[list[tuple[float, float, float] | None]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Written and read again, people are as they were; those of whom nothing was found too."""
    path = tmp_path_factory.getbasetemp() / "again_keypoints.json"
    path.write_text(openpose_json(crowd(people, [-1] * len(people))))
    with open_source(SourceSettings(str(path), camera_size="640x480")) as source:
        (frame,) = source
    assert frame.poses is not None
    wanted = crowd(people, [-1] * len(people)).poses
    np.testing.assert_allclose(frame.poses.xy, wanted.xy, rtol=1e-5)
    np.testing.assert_allclose(frame.poses.score, wanted.score, rtol=1e-5)
