"""Whole files take the place of older ones: nobody ever reads a part of one."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from calibration.disk import replace as replace_module
from calibration.disk.replace import replace_file
from calibration.files.atomic import write_texts
from calibration.geometry.errors import CalibrationError
from realtime.drawing.overlay import Overlay
from realtime.sinks.files.csv_3d import Csv3DSink
from realtime.sinks.files.image_files import ImagesSink, write_image
from realtime.sinks.files.jsonl_csv_udp import CsvSink, JsonLinesSink
from realtime.sinks.files.mot_challenge import MotSink
from realtime.sinks.files.openpose_json_2d import JsonSink
from realtime.sinks.files.stats_json import StatsSink
from realtime.sinks.protocol import Sink
from realtime.types.errors import OutputError
from realtime.types.results import Result
from realtime.writing.whole_files import write_whole
from tests.realtime.results import Origin, files_at_most, grey, header, result, tracks
from tests.synth import SKELETON, person

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits and links")
SEEN = tracks([person((100, 90), 120)] * 40)


def frame(index: int) -> Result:
    return result(SEEN, index=index, name=f"clip_{index:012d}")


@pytest.fixture(params=["without a name", "with a name"])
def beside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to write beside: Linux's, and that of all others."""
    if request.param == "with a name":
        monkeypatch.setattr(replace_module, "_unnamed", lambda _: None)


@pytest.mark.usefixtures("beside")
def test_a_watcher_of_a_folder_reads_whole_files_only(tmp_path: Path) -> None:
    """Frames are written over again and again while another thread reads whatever is there."""
    done = threading.Event()

    def write() -> None:
        try:
            with JsonSink(tmp_path) as sink:
                for n in range(200):
                    sink.write(frame(n % 5))
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    counts = set()
    while not done.is_set():
        for entry in os.scandir(tmp_path):
            if entry.name.endswith(".json"):
                counts.add(len(json.loads(Path(entry.path).read_text())["people"]))
    writer.join()
    assert counts == {40}
    assert len(os.listdir(tmp_path)) == 5


@posix
@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_whole(path, b"x" * 30_000),
        lambda path: write_whole(path, b"x" * 30_000, lasting=False),
        lambda path: write_image(path.with_suffix(".bmp"), grey()),
        lambda path: write_texts({path: "x" * 30_000}, force=True),
    ],
)
def test_a_full_disk_leaves_the_file_of_yesterday(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    for name in ("walk.trc", "walk.bmp"):
        (tmp_path / name).write_bytes(b"the take of yesterday\n" * 1000)
    with (
        files_at_most(10_000),
        pytest.raises((OutputError, CalibrationError), match=r"cannot be written: [Ff]ile too"),
    ):
        write(tmp_path / "walk.trc")
    assert sorted(os.listdir(tmp_path)) == ["walk.bmp", "walk.trc"]
    for name in ("walk.trc", "walk.bmp"):
        assert (tmp_path / name).read_bytes() == b"the take of yesterday\n" * 1000


@posix
@pytest.mark.usefixtures("beside")
def test_a_link_among_the_frames_is_replaced_and_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("clip_000000000000_keypoints.json", "clip_000000000000.jpg"):
        (folder / name).symlink_to(precious)
    os.link(precious, folder / "clip_000000000001_keypoints.json")
    with JsonSink(folder) as json_sink, ImagesSink(folder, [], Overlay()) as images:
        for n in range(2):
            json_sink.write(frame(n))
            images.write(frame(n))
    assert precious.read_text() == "mine"
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert (
        len(json.loads((folder / "clip_000000000000_keypoints.json").read_text())["people"]) == 40
    )
    assert cv2.imread(str(folder / "clip_000000000000.jpg")).shape == (240, 320, 3)


@pytest.mark.usefixtures("beside")
def test_a_file_has_the_rights_that_any_other_has(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    replace_file(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


LINES: list[Callable[[Path], Sink]] = [
    lambda path: JsonLinesSink(path, [], header()),
    lambda path: CsvSink(path, [], SKELETON),
    lambda path: MotSink(path, []),
    lambda path: Csv3DSink(path, [], SKELETON),
    lambda path: StatsSink(path, [], [Origin()], None),
]


@pytest.mark.parametrize("make", LINES)
def test_what_was_there_stays_until_the_first_frame(
    make: Callable[[Path], Sink], tmp_path: Path
) -> None:
    path = tmp_path / "poses"
    path.write_text("earlier")
    sink = make(path)
    sink.__enter__()
    assert path.read_text() == "earlier"
    if not isinstance(sink, StatsSink):  # which tells of runs without a frame too
        sink.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        assert path.read_text() == "earlier"
    with make(path):
        pass
    assert path.read_text() != "earlier"
    assert os.listdir(tmp_path) == ["poses"]


@posix
def test_lines_that_find_no_room_from_the_beginning_leave_an_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "poses.jsonl"
    path.write_text("earlier")
    sink = JsonLinesSink(path, [], header())
    with files_at_most(1000), pytest.raises(OutputError, match="file too large"):
        sink.write(frame(0))
    assert path.read_text() == "earlier"
    assert os.listdir(tmp_path) == ["poses.jsonl"]


@posix
def test_a_link_that_is_named_itself_is_followed_by_lines(tmp_path: Path) -> None:
    """As a shell does: the newest run behind one name."""
    (tmp_path / "newest.jsonl").symlink_to("today.jsonl")
    with JsonLinesSink(tmp_path / "newest.jsonl", [], header()) as sink:
        for n in range(3):
            sink.write(replace(frame(n), dropped=n))
    assert (tmp_path / "newest.jsonl").is_symlink()
    assert len((tmp_path / "today.jsonl").read_text().splitlines()) == 4
