"""JSON lines, the table and datagrams, read back by others."""

from __future__ import annotations

import csv
import json
import socket
from pathlib import Path

import numpy as np
import pytest

from realtime.errors import OutputError
from realtime.lines import header_line
from realtime.poses import Result
from realtime.sinks.lines import CsvSink, JsonLinesSink, UdpSink
from tests.realtime.results import files_at_most, result, tracks
from tests.synth import SKELETON, hide, person

PEOPLE = [
    hide(person((100, 100), 120), "left_wrist", "nose"),
    person((220, 110), 100, "walking"),
]
HEADER = header_line("model", SKELETON, ["clip"])


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
    header, *lines = (json.loads(line) for line in path.read_text().splitlines())
    assert header["program"].startswith("posestream ")
    assert header["model"] == "model"
    assert header["sources"] == ["clip"]
    assert header["skeleton"]["keypoints"] == list(SKELETON.keypoints)
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
        receiver.settimeout(5)
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
