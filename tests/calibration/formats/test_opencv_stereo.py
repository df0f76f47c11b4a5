"""Stereo pairs as OpenCV's own sample writes them, by OpenCV itself."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.files.rig_toml import read_rig
from calibration.formats import read
from calibration.geometry.errors import RigError
from posestream.commands.calibrate.main import main
from tests.calibration.cameras import LENSES, camera

SIZE = (1280, 720)
TURN = cv2.Rodrigues(np.array([0.02, -0.3, 0.01]))[0]
SHIFT = np.array([-60.0, 1.5, 4.0])  # millimetres
POINT = np.array([[0.1, -0.2, 1.7]])


def pair(folder: Path, ending: str = ".yml", apart: bool = True) -> Path:
    """intrinsics and extrinsics of stereo_calib.cpp, or both in one file."""
    left, right = camera("left", LENSES[5]), camera("right", LENSES[8])
    lenses = {"M1": left.matrix, "D1": left.distortion[None]}
    lenses |= {"M2": right.matrix, "D2": right.distortion[None]}
    where = {"R": TURN, "T": SHIFT[:, None], "R1": np.eye(3), "Q": np.eye(4)}
    parts = [("intrinsics", lenses), ("extrinsics", where)] if apart else [("s", lenses | where)]
    folder.mkdir(exist_ok=True)
    for name, values in parts:
        storage = cv2.FileStorage(str(folder / f"{name}{ending}"), cv2.FILE_STORAGE_WRITE)
        for key, value in values.items():
            storage.write(key, value)
        storage.release()
    return folder if apart else folder / f"s{ending}"


@pytest.mark.parametrize("ending", [".yml", ".xml"])
@pytest.mark.parametrize("apart", [True, False])
def test_both_cameras_see_a_point_where_opencv_does(
    tmp_path: Path, ending: str, apart: bool
) -> None:
    found = read(pair(tmp_path / "pair", ending, apart), SIZE, unit=0.001)
    assert [one.name for one in found.rig.cameras] == ["left", "right"]
    poses = [(np.zeros(3), np.zeros(3)), (cv2.Rodrigues(TURN)[0], SHIFT / 1000)]
    for one, (turn, shift), terms in zip(found.rig.cameras, poses, (5, 8), strict=True):
        lens = camera("x", LENSES[terms])
        seen = cv2.projectPoints(POINT, turn, shift, lens.matrix, lens.distortion)[0]
        np.testing.assert_allclose(one.project(POINT), seen.reshape(1, 2), atol=1e-6)
        assert one.size == SIZE
    assert list(found.left) == ["R1", "Q"]


def test_a_rig_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["convert", str(pair(tmp_path / "pair")), str(tmp_path / "rig.toml")]
    assert main([*words, "--size", "1280x720"]) == 2
    said = capsys.readouterr().err
    assert "the cameras would be 60.1" in said
    assert "0.001 for millimetres" in said
    assert main([*words, "--size", "1280x720", "--unit", "0.001"]) == 0
    rig = read_rig(tmp_path / "rig.toml")
    assert np.linalg.norm(rig.centres[1] - rig.centres[0]) == pytest.approx(0.06015, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("intrinsics.yml", "contains no R and T"),
        ("extrinsics.yml", "contains no M1"),
    ],
)
def test_one_of_both_files_is_not_enough(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(RigError, match=f"{name}: it {words}"):
        read(pair(tmp_path / "pair") / name, SIZE)


def test_the_size_must_be_known(tmp_path: Path) -> None:
    with pytest.raises(RigError, match="does not contain the picture size"):
        read(pair(tmp_path / "pair"))
