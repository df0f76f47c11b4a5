"""Rig files: there and back, other programs' files, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.files.atomic import check_free
from calibration.files.rig_toml import read_rig, rig_toml, write_rig
from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError, RigError
from tests.calibration.cameras import FISHEYE, LENSES, camera, ring


def test_there_and_back_every_number_stays(tmp_path: Path) -> None:
    lenses = [camera(f"lens {n}", lens) for n, lens in LENSES.items()]
    odd = camera('quo"te \\ tab\t é', FISHEYE, fisheye=True)
    rig = Rig((*ring(3).cameras, *lenses, odd))
    write_rig(rig, tmp_path / "new" / "rig.toml")
    back = read_rig(tmp_path / "new" / "rig.toml")
    for one, other in zip(rig.cameras, back.cameras, strict=True):
        assert (one.name, one.size, one.fisheye) == (other.name, other.size, other.fisheye)
        np.testing.assert_array_equal(one.matrix, other.matrix)
        np.testing.assert_array_equal(one.distortion, other.distortion)
        np.testing.assert_array_equal(one.translation, other.translation)
        np.testing.assert_allclose(one.rotation, other.rotation, rtol=0, atol=1e-15)


def test_an_old_rig_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    write_rig(ring(2), path)
    with pytest.raises(CalibrationError, match=r"exists already; .* --force"):
        write_rig(ring(3), path)
    assert len(read_rig(path)) == 2
    write_rig(ring(3), path, force=True)
    assert len(read_rig(path)) == 3
    assert len(read_rig(tmp_path / "rig.toml.bak")) == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["rig.toml", "rig.toml.bak"]


@pytest.mark.parametrize("name", ["shelf-dev", "rig-single", "rig-multi"])
def test_real_rigs_are_read(data: Path, name: str) -> None:
    rig = read_rig(data / name / "rig.toml")
    assert len(rig) == (5 if name == "shelf-dev" else 4)
    # Something that stands in the middle is in every picture.
    middle = rig.centres.mean(0)
    away = np.linalg.norm(rig.centres - middle, axis=1)
    assert ((away > 1) & (away < 20)).all()


GOOD = rig_toml(ring(1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must have one table per camera"),
        ("cam_0 = 7", "must have one table per camera"),
        ("[cam_0]\n", "needs at least a size and a matrix"),
        ("[cam_0", "cannot be read"),
        (GOOD.replace("[1280, 720]", "[1280]"), "size = "),
        (GOOD.replace("[1280, 720]", "[1280.5, 720]"), "size = "),
        (GOOD.replace("[1280, 720]", '"large"'), "not made of numbers"),
        (GOOD.replace("910.0", "nan"), "not finite"),
        (GOOD.replace("910.0", "-910.0"), "above 0"),
        (GOOD.replace("910.0", "1e200"), "larger than 1e"),
        (GOOD.replace('"cam0"', "7"), "name in quotes"),
        (GOOD + GOOD.replace("[cam_0]", "[cam_1]"), "a name of its own"),
        (GOOD.replace("translation = [", "translation = [1, "), "translation of shape"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "rig.toml").write_text(text)
    with pytest.raises(RigError, match=words) as caught:
        read_rig(tmp_path / "rig.toml")
    assert "\n" not in str(caught.value)
    with pytest.raises(RigError, match="There is no rig file"):
        read_rig(tmp_path / "none.toml")


def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.toml").mkdir()
    check_free(tmp_path / "new" / "rig.toml", force=False, ending=".toml")
    for path, says in (
        (tmp_path / "rig.txt", "must end in .toml"),
        (tmp_path / "file" / "rig.toml", "file is not writable"),
        (tmp_path / "folder.toml", "it is a folder"),
    ):
        with pytest.raises(CalibrationError, match=says):
            check_free(path, force=True, ending=".toml")
