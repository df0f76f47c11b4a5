"""Lenses from views of a board, with known answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.board.detection import Sighting
from calibration.board.intrinsics import calibrate
from calibration.board.lens_fit import scene_of
from calibration.files.rig_toml import read_rig
from calibration.geometry.bundle_adjustment import adjust
from calibration.geometry.bundle_scene import FOCAL, LENS
from calibration.geometry.camera import Camera, rotation_matrix
from calibration.geometry.errors import CalibrationError, DegenerateError
from calibration.reports.lens_verdict import verdict
from posestream.commands.calibrate.main import main
from tests.calibration.boards import CHARUCO, photograph, pose
from tests.calibration.cameras import FISHEYE, LENSES, camera


def views(lens: Camera, count: int, *, tilt: float = 0.6, noise: float = 0.2) -> list[Sighting]:
    """What such a lens sees of a board held here and there."""
    rng = np.random.default_rng(4)
    out: list[Sighting] = []
    while len(out) < count:
        at = rng.uniform((-0.35, -0.2, 0.45), (0.35, 0.2, 0.9))
        turn = rng.uniform((-tilt, -tilt, -1.5), (tilt, tilt, 1.5))
        rotation = rotation_matrix(turn)
        middle = CHARUCO.points.mean(0)
        own = replace(lens, rotation=rotation, translation=at - rotation @ middle)
        xy = own.project(CHARUCO.points)
        inside = ((xy > 5) & (xy < np.array(lens.size) - 5)).all(1)
        if inside.sum() >= 6 and np.linalg.matrix_rank(CHARUCO.points[inside, :2] - middle[:2]) > 1:
            seen = xy[inside] + rng.normal(0, noise, (inside.sum(), 2))
            out.append(Sighting(np.flatnonzero(inside), seen, lens.size, 2.0))
    return out


@pytest.mark.parametrize("kind", ["5 terms", "fisheye"])
def test_the_lens_is_recovered(kind: str) -> None:
    fisheye = kind == "fisheye"
    truth = camera(distortion=FISHEYE if fisheye else LENSES[5], fisheye=fisheye)
    found = calibrate(views(truth, 20), CHARUCO, "cam", fisheye=fisheye)
    off = np.array([*np.diag(found.camera.matrix - truth.matrix)[:2]])
    off = np.append(off, (found.camera.matrix - truth.matrix)[:2, 2])
    assert (np.abs(off) < 4 * found.deviations).all()
    assert (found.deviations[:2] < 10).all()
    corners = sum(map(len, found.seen))
    left = 1 - (6 * 20 + 9) / (2 * corners)  # of the noise, after so many parameters
    assert found.rms == pytest.approx(0.2 * np.sqrt(2 * left), rel=0.1)
    assert found.held_out < 1.3 * found.rms


def test_formal_deviations_are_those_of_opencv() -> None:
    """On the same views and model."""
    truth = camera(distortion=LENSES[5])
    seen = views(truth, 12)
    free = np.zeros((1, LENS + 5), bool)
    free[0, FOCAL:] = True
    scene, sights = scene_of(truth, seen, CHARUCO.points)
    done = adjust(scene, sights, free, huber=None)
    points = [CHARUCO.points[one.ids].astype(np.float32) for one in seen]
    xy = [one.xy.astype(np.float32)[:, None] for one in seen]
    known = cv2.calibrateCameraExtended(points, xy, truth.size, None, None)
    rms, matrix, spread = known[0], known[1], known[5]
    mine = done.scene.cameras[0].matrix
    assert np.allclose(mine, matrix, atol=0.5)
    residuals = done.scene.residuals(sights)
    assert np.sqrt((residuals**2).sum(1).mean()) == pytest.approx(rms, rel=1e-3)
    ratio = done.deviations()[0, FOCAL:LENS] / spread.ravel()[:4]
    assert np.ptp(ratio) < 0.1 * ratio.mean()  # but for the noise's own deviation


def test_wild_corners_are_left_out() -> None:
    truth = camera(distortion=LENSES[5])
    seen = views(truth, 12)
    xy = seen[3].xy.copy()
    xy[2] += 25
    found = calibrate(
        [*seen[:3], replace(seen[3], xy=xy), *seen[4:]], CHARUCO, "cam", fisheye=False
    )
    assert found.wild >= 1
    clean = calibrate(views(truth, 12), CHARUCO, "cam", fisheye=False)
    assert found.rms == pytest.approx(clean.rms, rel=0.05)


def test_blurred_views_are_left_out() -> None:
    seen = views(camera(), 12)
    found = calibrate([*seen, replace(seen[0], blur=9.0)], CHARUCO, "cam", fisheye=False)
    assert found.blurred == 1


def test_words_say_what_is_missing() -> None:
    truth = camera(distortion=LENSES[5])
    few = [one for one in views(truth, 40) if one.xy[:, 0].max() < 800][:8]
    said = " ".join(verdict(calibrate(few, CHARUCO, "cam", fisheye=False)))
    assert "take more views" in said
    assert "right" in said.partition("cover the")[2]


def test_a_lens_that_was_seen_in_one_corner_is_poor() -> None:
    """However well it fits there; how far off it may be elsewhere is said, and so is where."""
    truth = camera(distortion=LENSES[5])
    some = [one for one in views(truth, 90) if (one.xy.max(0) < (640, 400)).all()]
    found = calibrate(some[:15], CHARUCO, "cam", fisheye=False)
    said = verdict(found)
    assert said[0].startswith("poor")
    assert "of 9 parts" in said[1]
    assert "lower right" in " ".join(said).partition("cover the")[2]
    assert found.across[-1, -1] > 2 * found.across[2, 2]


def test_what_is_said_of_the_whole_picture_holds() -> None:
    truth = camera(distortion=LENSES[5])
    found = calibrate(views(truth, 30), CHARUCO, "cam", fisheye=False)
    rows = len(found.across)
    grid = np.stack(
        np.meshgrid(*(np.linspace(0, most - 1, rows) for most in truth.size)), -1
    ).reshape(-1, 2)
    alone = replace(truth, rotation=np.eye(3), translation=np.zeros(3))
    rays = alone.rays(grid)
    turns = [
        (alone.project(rays @ rotation_matrix(1e-6 * axis).T) - grid) / 1e-6 for axis in np.eye(3)
    ]
    off = (found.camera.project(rays) - grid).ravel()
    turn = np.stack(turns, -1).reshape(-1, 3)
    off = (off - turn @ np.linalg.lstsq(turn, off)[0]).reshape(rows, rows, 2)
    size = np.linalg.norm(off, axis=-1) / found.across
    assert size.max() < 5
    assert np.median(size) < 2


def test_views_that_are_all_alike_are_refused() -> None:
    with pytest.raises(DegenerateError, match="alike"):
        calibrate(views(camera(distortion=[]), 10, tilt=0.0), CHARUCO, "cam", fisheye=False)


def test_too_few_views_and_mixed_sizes_are_refused() -> None:
    seen = views(camera(), 6)
    with pytest.raises(CalibrationError, match="3 usable"):
        calibrate(seen[:3], CHARUCO, "cam")
    with pytest.raises(CalibrationError, match="640x480 and 1280x720"):
        calibrate([*seen, replace(seen[0], size=(640, 480))], CHARUCO, "cam")


def test_command_from_photos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = Camera("c", (480, 360), np.array([[450.0, 0, 242], [0, 449, 178], [0, 0, 1]]))
    rng = np.random.default_rng(0)
    for n in range(6):
        turn = (*rng.uniform(-0.5, 0.5, 2), 0.3)
        at = (*rng.uniform(-0.06, 0.06, 2), 0.5)
        cv2.imwrite(
            str(tmp_path / f"{n}.png"), photograph(CHARUCO, truth, *pose(turn, at, CHARUCO))
        )
    words = f"intrinsics --source {tmp_path} --board charuco --columns 5 --rows 4 --square 0.05"
    words += f" --lens pinhole --output {tmp_path}/out/cam.toml"
    assert main(words.split()) == 0
    (found,) = read_rig(tmp_path / "out" / "cam.toml").cameras
    assert np.allclose(np.diag(found.matrix)[:2], (450, 449), rtol=0.02)
    said = capsys.readouterr().out
    assert "held-out" in said
    assert "verdict        usable" in said
    assert (tmp_path / "out" / "cam.png").is_file()
    assert main(words.split()) == 2
    assert "--force" in capsys.readouterr().err
    assert main(words.replace("--columns 5", "--columns 6").replace("cam.t", "b.t").split()) == 2
    assert not (tmp_path / "out" / "b.toml").exists()


@pytest.mark.parametrize(("number", "focal"), [(1, 1681.2), (4, 1675.2)])
def test_real_chessboards(
    number: int, focal: float, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Six or seven photos a camera: the focal length is right, the centre is not and is said so.

    At half their size, in which the board is found in a fifth of the time.
    """
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in (data / "rig-single" / "intrinsics" / f"int_cam0{number}_img").iterdir():
        half = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_2)
        cv2.imwrite(str(photos / f"{path.stem}.png"), half)
    words = f"intrinsics --source {photos} --board chessboard --columns 7 --rows 4 --square 0.06"
    assert main(f"{words} --lens pinhole --output {tmp_path}/cam.toml".split()) == 0
    (found,) = read_rig(tmp_path / "cam.toml").cameras
    assert np.allclose(np.diag(found.matrix)[:2], focal / 2, rtol=0.01)
    assert "principal point is poorly known" in capsys.readouterr().out
