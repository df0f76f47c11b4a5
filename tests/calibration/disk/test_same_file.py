"""Outputs of the calibration never meet what it reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from calibration.disk.same_file import check_apart, identity
from calibration.files.rig_toml import rig_toml
from calibration.geometry.errors import CalibrationError
from posestream.commands.calibrate.main import main
from tests.calibration.cameras import ring


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("cam.toml", "rig.toml", "photos/1.png", "photos/2.png", "board.toml", "v.mp4"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    os.link("rig.toml", "hard.toml")
    os.symlink("photos", "by")
    return tmp_path


def test_a_file_has_one_identity_whatever_it_is_called(tmp_path: Path) -> None:
    same = [Path("rig.toml"), tmp_path / "rig.toml", Path("photos/../rig.toml"), Path("hard.toml")]
    assert len({identity(path) for path in same}) == 1
    new = [Path("photos/new/x"), Path("by/new/x"), tmp_path / "by" / ".." / "photos/new/x"]
    assert len({identity(path) for path in new}) == 1
    assert identity(Path("photos/new")) != identity(Path("new"))
    assert identity(Path("a\0b")) != identity(Path("a"))


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("hard.toml", "hard.toml is the rig itself"),
        ("by/1.png", "by/1.png is --source itself"),
        ("by/3.png", "by/3.png would be read with --source photos/"),
    ],
)
def test_an_output_may_not_be_an_input_nor_come_among_them(output: str, says: str) -> None:
    for photos in ("photos/", "photos/*"):
        inputs = {"the rig": [Path("rig.toml")], "--source": [photos, "webcam:0", "rtsp://a/b"]}
        with pytest.raises(CalibrationError) as caught:
            check_apart([Path("free.toml"), Path(output)], inputs)
        assert says in str(caught.value)
    check_apart([Path("photos/rig.toml"), Path("new.png"), Path("photos/new/1.png")], inputs)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("intrinsics --source photos --output photos/cam.toml", "photos/cam.png would be read"),
        ("intrinsics --source v.mp4 --output board.toml --force", "board.toml is --board-file"),
        (
            "extrinsics --source a.mp4 --source b.mp4 --intrinsics rig.toml --output hard.toml "
            "--force",
            "hard.toml is --intrinsics itself",
        ),
        (
            "people --source v.mp4 --source b.mp4 --intrinsics rig.toml --output hard.toml --force "
            "--height-of 1.8",
            "hard.toml is --intrinsics itself",
        ),
        (
            "check rig.toml --source v.mp4 --source b.mp4 --mend hard.toml --force",
            "is the rig itself",
        ),
        ("convert rig.toml hard.toml --force", "hard.toml is the input itself"),
        ("show rig.toml --output photos/3.png --source photos", "would be read with --source"),
        ("board --output board.toml --board-file board.toml --force", "--board-file itself"),
    ],
)
def test_every_command_refuses_before_the_work(
    words: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "board.toml").write_text(
        'kind = "chessboard"\ncolumns = 9\nrows = 6\nsquare = 0.025\n'
    )
    (tmp_path / "rig.toml").write_text(rig_toml(ring(2)))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    needed = words.startswith(("intrinsics", "extrinsics"))
    board = ["--board-file", "board.toml"] if needed else []
    assert main([*words.split(), *board]) == 2
    assert says in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
