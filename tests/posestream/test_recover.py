"""What a killed run leaves is made into its files afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from calibration.files.rig_toml import rig_toml
from posestream.commands.calibrate.extrinsics import read_timestamps
from posestream.commands.files.main import main
from realtime.mocap.journal import FRAME, MAGIC, Head, begin_journal
from realtime.mocap.outputs import take_files
from realtime.mocap.take_sink import TakeSink
from tests.bodies import BODY25, body
from tests.calibration.cameras import ring
from tests.realtime.instants import instant

RIG = ring(4, radius=5)
ROOT = Path(__file__).parents[2]


def write(sink: TakeSink) -> None:
    for n in range(8):
        sink.write(instant([body((n / 30, 0.5)), body((n / 30, 2))], [3, 7], n / 30))


def head(paths: dict[str, Path]) -> Head:
    outputs = tuple((option, str(path)) for option, path in paths.items())
    return Head(BODY25, 30, rig_toml(RIG), outputs)


def killed(paths: dict[str, Path]) -> Path:
    """The journal of a run that never came to its end."""
    sink = TakeSink(take_files(paths, RIG), head(paths), [])
    write(sink)
    journal = next(iter(paths.values())).with_suffix(".takes")
    assert sink._journal is not None
    sink._journal.file.close()
    return journal


def test_the_files_are_those_that_the_run_would_have_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ezc3d")
    paths = {option: tmp_path / "cut" / f"walk.{option}" for option in ("trc", "bvh", "c3d", "glb")}
    whole = {option: tmp_path / "whole" / path.name for option, path in paths.items()}
    with TakeSink(take_files(whole, RIG), head(whole), []) as sink:
        write(sink)
    journal = killed(paths)
    assert [path.name for path in (tmp_path / "cut").iterdir()] == ["walk.takes"]
    assert main(["recover", str(journal)]) == 0
    said = capsys.readouterr().out
    assert "2 people, 0.3 s." in said
    assert f"{journal} is no longer needed" in said
    made = {path.name: path for path in (tmp_path / "cut").iterdir() if path != journal}
    assert sorted(made) == sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert len(made) == 6
    for name, path in made.items():
        assert path.read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_torn_journal_on_another_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder of the run is not there, and the last instant is half."""
    journal = killed({"trc": tmp_path / "run" / "walk.trc"})
    here = tmp_path / "here" / "walk.takes"
    here.parent.mkdir()
    here.write_bytes(journal.read_bytes()[:-100])
    journal.unlink()
    journal.parent.rmdir()
    assert main(["recover", str(here)]) == 0
    said = capsys.readouterr()
    assert "left out a damaged or torn frame" in said.err
    lines = (here.parent / "walk_person7.trc").read_text().splitlines()
    assert len(lines) == 6 + 7
    assert main(["recover", str(here), "--bvh", str(tmp_path / "other.bvh")]) == 0
    assert (tmp_path / "other_person3.bvh").exists()


@pytest.mark.parametrize("unit", ["m", "cm"])
def test_the_unit_of_bvh_files_is_that_of_the_run(unit: Literal["m", "cm"], tmp_path: Path) -> None:
    """Or the one that is asked for now."""
    paths = {"bvh": tmp_path / "walk.bvh"}
    sink = TakeSink(take_files(paths, RIG, unit), replace(head(paths), bvh_unit=unit), [])
    write(sink)
    assert sink._journal is not None
    sink._journal.file.close()

    def height() -> float:
        lines = (tmp_path / "walk_person3.bvh").read_text().splitlines()
        return float(lines[-1].split()[1])  # of the hips

    assert main(["recover", str(tmp_path / "walk.takes")]) == 0
    assert height() == pytest.approx(0.95 * (100 if unit == "cm" else 1), rel=0.01)
    assert main(["recover", str(tmp_path / "walk.takes"), "--bvh-unit", "m"]) == 0
    assert height() == pytest.approx(0.95, rel=0.01)


def test_journals_of_before_there_were_units_are_read(tmp_path: Path) -> None:
    journal = killed({"bvh": tmp_path / "walk.bvh"})
    data = journal.read_bytes()
    begin = len(MAGIC)
    length, _ = FRAME.unpack_from(data, begin)
    first, rest = data[begin + FRAME.size :][:length], data[begin + FRAME.size + length :]
    text = json.loads(first)
    del text["bvh_unit"]
    first = json.dumps(text).encode()
    journal.write_bytes(MAGIC + FRAME.pack(len(first), zlib.crc32(first)) + first + rest)
    assert main(["recover", str(journal)]) == 0
    assert (tmp_path / "walk_person3.bvh").exists()


def test_what_cannot_be_recovered_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    busy, journal = begin_journal(tmp_path / "busy.takes", head({"trc": tmp_path / "a.trc"}))
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
    for name, sentence in (
        ("none.takes", "cannot be read: no such file"),
        ("photo.jpg", "is not a journal of 3D people"),
        (busy.name, "is still being written"),
    ):
        assert main(["recover", str(tmp_path / name)]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"posestream: {tmp_path / name} ")
        assert sentence in said
    journal.file.close()


def test_torn_last_lines_go_and_whole_ones_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, table = tmp_path / "a.jsonl", tmp_path / "a.csv"
    json_lines = "".join(f"{json.dumps({'index': n})}\n" for n in range(4))
    rows = "a,b,c\n1,2,3\n4,5,6\n"
    for path, whole in ((lines, json_lines), (table, rows)):
        for torn in (whole[-6:-1], "\0" * 5000, "\0" * 200 + "\n", ""):
            path.write_text(whole + torn)
            assert main(["recover", str(path)]) == 0
            assert path.read_text() == whole
            said = capsys.readouterr().out
            assert (f"({len(torn)} bytes)" if torn else "every line is whole") in said
    lines.write_text("no line at all")
    assert main(["recover", str(lines)]) == 2
    assert lines.read_text() == "no line at all"


def test_a_torn_table_of_timestamps_is_told_and_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a power cut leaves it beside recorded videos: 1 of frame 12 would pair wrong frames."""
    table = tmp_path / "timestamps.csv"
    rows = ["sync_index,cam_id,frame_index,frame_time,camera", "0,0,11,0.1,a", "0,1,11,0.1,b"]
    table.write_text("\n".join([*rows, "1,0,1"]))
    assert read_timestamps(table, 2) == [{11: 0}, {11: 0}]
    assert "the last line is torn and is left out" in capsys.readouterr().err
    table.write_text("\n".join(rows))  # of a program that ends no last line
    assert read_timestamps(table, 2) == [{11: 0}, {11: 0}]
    assert capsys.readouterr().err == ""


def test_as_a_program_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "posestream", "recover", str(tmp_path / "none.takes")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
