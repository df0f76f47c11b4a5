"""Rigs from boards, with known answers and from real videos."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.board.detection import Sighting
from calibration.board.extrinsics import locate, on_board
from calibration.files.rig_toml import read_rig, write_rig
from calibration.geometry.camera import Camera, Rig, rotation_matrix
from calibration.geometry.errors import BoardError, CalibrationError
from posestream.commands.calibrate.main import main
from tests.calibration.boards import CHARUCO, CHESS
from tests.calibration.cameras import ring


def waved(
    rig: Rig, boards: int, *, noise: float = 0.3, wild: float = 0.0
) -> list[dict[int, Sighting]]:
    """What each camera sees of a board that is waved about, its printed side towards it."""
    rng = np.random.default_rng(6)
    seen: list[dict[int, Sighting]] = [{} for _ in rig.cameras]
    middle = CHARUCO.points.mean(0)
    for at in range(boards):
        turn = rotation_matrix(rng.uniform(-2.5, 2.5, 3))
        world = (CHARUCO.points - middle) @ turn.T + rng.uniform(-0.5, 0.5, 3) + [0, 0, 1]
        for n, camera in enumerate(rig.cameras):
            # The board's z points into it: away from cameras that see the print.
            if (camera.centre - world.mean(0)) @ turn[:, 2] > -0.5:
                continue
            xy = camera.project(world)
            xy = xy + rng.normal(0, noise, xy.shape)
            off = rng.random(len(xy)) < wild
            xy[off] += rng.uniform(-20, 20, (off.sum(), 2))
            seen[n][at] = Sighting(np.arange(len(xy)), xy, camera.size, 2.0)
    return seen


def in_first(rig: Rig) -> Rig:
    """The same with the world in the first camera's frame."""
    base = rig.cameras[0]
    out = []
    for one in rig.cameras:
        turn = one.rotation @ base.rotation.T
        out.append(
            replace(one, rotation=turn, translation=one.translation - turn @ base.translation)
        )
    return Rig(tuple(out))


@pytest.mark.parametrize(("views", "wild"), [(2, 0.0), (6, 0.1)])
def test_a_rig_is_recovered(views: int, wild: float) -> None:
    truth = in_first(ring(views, radius=2.0))
    if views == 2:  # not face to face, where no board shows to both
        truth = in_first(Rig(ring(8, radius=2.0).cameras[:2]))
    alone = [replace(one, rotation=np.eye(3), translation=np.zeros(3)) for one in truth.cameras]
    found = locate(alone, waved(truth, 60, wild=wild), CHARUCO)
    assert np.allclose(found.rig.centres, truth.centres, atol=0.01)
    assert np.allclose(found.rig.rotations, truth.rotations, atol=0.004)
    assert found.rms < 1.0


def test_lenses_that_are_not_quite_right_are_refined() -> None:
    truth = in_first(Rig(ring(8, radius=1.4).cameras[:3]))
    wrong = []
    for n, one in enumerate(truth.cameras):
        matrix = one.matrix.copy()
        matrix[[0, 1], [0, 1]] *= 1 + 0.03 * (-1) ** n
        wrong.append(replace(one, matrix=matrix))
    seen = waved(truth, 60)
    fixed, refined = (locate(wrong, seen, CHARUCO, refine=refine) for refine in (False, True))
    assert fixed.rms > 1.1 * refined.rms
    for known, one in zip(truth.cameras, refined.rig.cameras, strict=True):
        assert np.allclose(np.diag(one.matrix), np.diag(known.matrix), rtol=0.01)
    off = [np.linalg.norm(found.rig.centres - truth.centres) for found in (fixed, refined)]
    assert off[1] < 0.5 * off[0]


def test_the_world_can_lie_on_a_board() -> None:
    truth = in_first(Rig(ring(8, radius=2.0).cameras[:2]))
    seen = waved(truth, 60, noise=0.0)
    found = locate(truth.cameras, seen, CHARUCO)
    instant = found.instants[-1]
    rig = on_board(found, CHARUCO, instant)
    # On the board: X along the columns, Y against the rows, Z up from the print.
    flat = CHARUCO.points * [1, -1, -1]
    for camera, own in zip(rig.cameras, seen, strict=True):
        assert np.allclose(camera.project(flat), own[instant].xy, atol=0.01)
        assert camera.centre[2] > 0
    with pytest.raises(CalibrationError, match="--origin 999"):
        on_board(found, CHARUCO, 999)


def test_a_camera_on_its_own_is_named() -> None:
    rig = in_first(ring(4, radius=2.0))
    seen = waved(rig, 40)
    seen[2] = {at + 1000: one for at, one in seen[2].items()}
    with pytest.raises(CalibrationError, match=r"cam2 saw the board .* at most 0"):
        locate(rig.cameras, seen, CHARUCO)


def test_what_cannot_work_is_refused() -> None:
    rig = in_first(ring(2))
    with pytest.raises(BoardError, match="upside down"):
        locate(rig.cameras, waved(rig, 3), replace(CHESS, columns=8))
    with pytest.raises(CalibrationError, match="two cameras"):
        locate(rig.cameras[:1], [{}], CHARUCO)


def test_real_videos(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every fourth instant of the real rig, with the lenses that its owners measured."""
    folder = data / "rig-charuco" / "charuco_calibration"
    theirs = their_rig(folder)
    write_rig(theirs, tmp_path / "lenses.toml")
    videos = folder / "calibration" / "extrinsic"
    words = ["extrinsics", "--step", "4", "--board-file", str(folder / "charuco.toml")]
    for n in range(4):
        words += ["--source", str(videos / f"cam_{n}.mp4")]
    words += ["--intrinsics", str(tmp_path / "lenses.toml"), "--output", str(tmp_path / "rig.toml")]
    words += ["--timestamps", str(videos / "timestamps.csv")]
    assert main(words) == 0
    assert "joined by" in capsys.readouterr().out
    rig = in_first(read_rig(tmp_path / "rig.toml"))
    known = in_first(theirs)
    for one, other in zip(rig.cameras, known.cameras, strict=True):
        cosine = (np.trace(one.rotation @ other.rotation.T) - 1) / 2
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))) < 1.5
        assert abs(np.linalg.norm(one.centre) - np.linalg.norm(other.centre)) < 0.02
    assert main(words) == 2
    assert "--force" in capsys.readouterr().err


def their_rig(folder: Path) -> Rig:
    tables = tomllib.loads((folder / "camera_array.toml").read_text())["cameras"]
    return Rig(
        tuple(
            Camera(
                f"cam_{key}",
                tuple(own["size"]),
                *(np.array(own[k]) for k in ("matrix", "distortions", "rotation", "translation")),
            )
            for key, own in tables.items()
        )
    )


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("a,b\n1,2\n", "is not a table"),
        ("sync_index,cam_id,frame_index\n0,7,0\n", "camera 7"),
        ("sync_index,cam_id,frame_index\n0,0,0\n", "no rows for camera 1"),
    ],
)
def test_bad_timestamps_are_explained(
    table: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rig(ring(2), tmp_path / "lenses.toml")
    (tmp_path / "t.csv").write_text(table)
    words = "extrinsics --board charuco --columns 5 --rows 4 --square 0.05"
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
        words += f" --source {tmp_path / name}"
    words += f" --intrinsics {tmp_path}/lenses.toml --output {tmp_path}/rig.toml"
    assert main([*words.split(), "--timestamps", str(tmp_path / "t.csv")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "rig.toml").exists()
