"""Files that are removed, or replaced by another program, while a run writes them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from posestream.commands.files.main import main as posestream
from realtime.drawing.overlay import Overlay
from realtime.mocap.journal import Head
from realtime.mocap.outputs import take_files
from realtime.mocap.take_sink import TakeSink
from realtime.sinks.files.coco_results import CocoSink
from realtime.sinks.files.jsonl_csv_udp import CsvSink, JsonLinesSink
from realtime.sinks.files.mot_challenge import MotSink
from realtime.sinks.files.video_file import VideoSink
from realtime.sinks.protocol import Sink
from realtime.sinks.together import Together
from realtime.types.errors import OutputError, losses
from realtime.types.results import Result
from tests.bodies import BODY25, body
from tests.calibration.cameras import ring
from tests.realtime.instants import instant
from tests.realtime.results import header, result, tracks
from tests.synth import SKELETON, person

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files in use cannot be removed")
SEEN = tracks([person((100, 90), 120)])
RIG = ring(2, radius=5)
SINKS: dict[str, Callable[[Path], Sink]] = {
    "jsonl": lambda path: JsonLinesSink(path, [], header()),
    "csv": lambda path: CsvSink(path, [], SKELETON),
    "mot": lambda path: MotSink(path, []),
    "coco": lambda path: CocoSink(path, []),
    "mp4": lambda path: VideoSink(path, 30, [], Overlay()),
    "mkv": lambda path: VideoSink(path, 30, [], Overlay()),
}


def frame(n: int) -> Result:
    return result(SEEN, index=n, time=n / 30)


@pytest.mark.parametrize("kind", SINKS)
def test_a_file_that_is_gone_is_told_with_the_next_frame(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "out" / f"a.{kind}"
    sink = SINKS[kind](path)
    sink.__enter__()
    sink.write(frame(0))
    shutil.rmtree(path.parent)
    with pytest.raises(OutputError, match=rf"a.{kind} was removed, or replaced by another") as told:
        sink.write(frame(1))
    sink.__exit__(OutputError, told.value, None)


@pytest.mark.parametrize("kind", SINKS)
def test_of_two_runs_with_one_file_the_first_is_told_and_the_second_has_all(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{kind}"
    first, second = SINKS[kind](path), SINKS[kind](path)
    first.__enter__()
    for n in range(3):
        first.write(frame(n))
    with second:
        for n in range(3):
            second.write(frame(n))
        with pytest.raises(OutputError, match="was removed, or replaced by another") as told:
            first.write(frame(3))
        first.__exit__(OutputError, told.value, None)
        for n in range(3, 6):
            second.write(frame(n))
    with SINKS[kind](tmp_path / f"alone.{kind}") as alone:
        for n in range(6):
            alone.write(frame(n))
    one, other = path.read_bytes(), (tmp_path / f"alone.{kind}").read_bytes()
    assert len(one) == len(other)
    if kind != "mkv":  # which has a number drawn by lot
        assert one == other


@pytest.mark.parametrize("kind", SINKS)
def test_a_file_that_is_gone_at_the_end_is_told_then(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "out" / f"a.{kind}"
    sink = SINKS[kind](path)
    sink.__enter__()
    sink.write(frame(0))
    shutil.rmtree(path.parent)
    with pytest.raises(OutputError, match=rf"a.{kind} was removed"):
        sink.__exit__(None, None, None)


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_file_that_is_renamed_is_kept(kind: str, tmp_path: Path) -> None:
    """As programs that rotate logs do it."""
    path = tmp_path / f"a.{kind}"
    with SINKS[kind](path) as sink:
        sink.write(frame(0))
        path.rename(tmp_path / "a.1")
        sink.write(frame(1))
    assert len((tmp_path / "a.1").read_text().splitlines()) == 3


def test_a_take_whose_folder_is_gone_is_saved_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "passing"))
    (tmp_path / "passing").mkdir()
    folder = tmp_path / "out"
    sink = TakeSink(take_files({"trc": folder / "walk.trc"}, RIG), Head(BODY25, 30), [])
    for n in range(6):
        sink.write(instant([body((n / 30, 0.5))], [4], n / 30))
    shutil.rmtree(folder)
    with pytest.raises(OutputError, match=r"walk.takes was removed while the run went on"):
        sink.write(instant([], [], 1.0))
    with pytest.raises(OutputError) as told:
        sink.__exit__()
    (saved,) = (tmp_path / "passing").rglob("walk.takes")
    assert f"{saved} keeps the 3D people; python -m posestream recover" in losses(told.value)[-1]


def test_what_failed_on_the_way_is_told_after_a_signal_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And so the exit code is 2."""
    gone, kept = tmp_path / "gone" / "a.jsonl", tmp_path / "b.csv"
    sinks = [JsonLinesSink(gone, [], header()), CsvSink(kept, [], SKELETON)]
    end = KeyboardInterrupt()
    together = Together(sinks).__enter__()
    together.write(frame(0))
    shutil.rmtree(gone.parent)
    together.write(frame(1))
    together.__exit__(KeyboardInterrupt, end, None)
    assert "The other outputs continue" in caplog.text
    (loss,) = losses(end)
    assert "a.jsonl was removed" in loss
    assert posestream(["recover", str(kept)]) == 0
