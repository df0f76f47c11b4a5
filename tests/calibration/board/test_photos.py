"""Rigs from photos: pairs that do not fit are refused, verdicts have an exit code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.board.target import Board
from calibration.files.rig_toml import write_rig
from calibration.geometry.camera import Camera, Rig
from posestream.commands.calibrate.main import main
from posestream.commands.program import POOR
from tests.calibration.boards import CHARUCO, photograph, pose

LENS = Camera("c", (480, 360), np.array([[450.0, 0, 240], [0, 450, 180], [0, 0, 1]]))


def shoot(folder: Path, lefts: int, rights: int, board: Board = CHARUCO) -> list[str]:
    """Photos of both cameras in one folder, the right one 6 cm aside; the words of the command."""
    rng = np.random.default_rng(3)
    for n in range(max(lefts, rights)):
        turn, at = (*rng.uniform(-0.4, 0.4, 2), 0.2), (*rng.uniform(-0.05, 0.05, 2), 0.6)
        rotation, translation = pose(turn, at, board)
        aside = translation - np.array([0.06, 0, 0])
        for name, count, shift in (("left", lefts, translation), ("right", rights, aside)):
            if n < count:
                picture = photograph(board, LENS, rotation, shift)
                cv2.imwrite(str(folder / f"{name}{n}.png"), picture)
    write_rig(Rig((LENS,)), folder / "left.toml")
    write_rig(Rig((replace(LENS, name="d"),)), folder / "right.toml")
    words = f"extrinsics --source {folder}/left*.png --source {folder}/right*.png"
    words += f" --intrinsics {folder}/left.toml --intrinsics {folder}/right.toml"
    words += f" --board charuco --columns {board.columns} --rows {board.rows}"
    return [*words.split(), "--square", str(board.square), "--output", f"{folder}/rig.toml"]


def test_unequal_numbers_of_photos_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shoot(tmp_path, 5, 7)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "left has 5 photos and right has 7, so they cannot be paired by their order" in said
    for n in (5, 6):
        (tmp_path / f"right{n}.png").unlink()
    assert main(words) == 0
    assert "a rig of 2 cameras" in capsys.readouterr().out


def test_a_poor_rig_has_an_exit_code_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lens files are of another camera."""
    words = shoot(tmp_path, 6, 6)
    bent = replace(LENS, distortion=np.array([-0.6, 0.5, 0.03, 0.03, 0]))
    for name in ("left", "right"):
        write_rig(Rig((bent,)), tmp_path / f"{name}.toml", force=True)
    assert main(words) == POOR
    assert "verdict        poor" in capsys.readouterr().out
    assert (tmp_path / "rig.toml").exists()


def test_a_poor_lens_has_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a board that was always in one corner."""
    rng = np.random.default_rng(0)
    for n in range(6):
        turn, at = (*rng.uniform(-0.5, 0.5, 2), 0.3), (-0.2, -0.13, rng.uniform(0.7, 0.9))
        picture = photograph(CHARUCO, LENS, *pose(turn, at, CHARUCO))
        cv2.imwrite(str(tmp_path / f"{n}.png"), picture)
    words = f"intrinsics --source {tmp_path} --board charuco --columns 5 --rows 4 --square 0.05"
    assert main([*words.split(), "--output", str(tmp_path / "out" / "cam.toml")]) == POOR
    assert "verdict        poor" in capsys.readouterr().out
    assert (tmp_path / "out" / "cam.toml").exists()
