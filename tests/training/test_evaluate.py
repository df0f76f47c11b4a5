"""Agreement of two models' keypoints, on people drawn by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from training.shipping.evaluate import agreement


def person(at: float = 100.0, score: float = 0.9) -> np.ndarray:
    """COCO-18 in a column; neck and hips are 60 pixels apart."""
    points = np.array([[at, 50 + 10.0 * n, score] for n in range(18)])
    points[1, :2] = (at, 100)
    points[[8, 11], :2] = [(at - 10, 160), (at + 10, 160)]
    return points


def write(folder: Path, *people: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    listed = [{"pose_keypoints_2d": one.ravel().tolist()} for one in people]
    (folder / "0_keypoints.json").write_text(json.dumps({"people": listed}))
    return folder


def test_keypoints_within_a_fifth_of_the_torso_agree(tmp_path: Path) -> None:
    theirs = write(tmp_path / "theirs", person())
    near, far = person(), person()
    near[:, 0] += 11.9
    far[:9, 0] += 12.1
    assert agreement(write(tmp_path / "near", near), theirs) == 1
    assert agreement(write(tmp_path / "far", far), theirs) == 0.5
    assert agreement(write(tmp_path / "none"), theirs) == 0


def test_each_person_is_compared_with_the_best(tmp_path: Path) -> None:
    theirs = write(tmp_path / "theirs", person(), person(400))
    ours = write(tmp_path / "ours", person(900), person(400), person())
    assert agreement(ours, theirs) == 1


def test_what_the_teacher_doubts_does_not_count(tmp_path: Path) -> None:
    doubtful = person()
    doubtful[5:, 2] = 0.2
    theirs = write(tmp_path / "theirs", doubtful)
    wrong = person()
    wrong[5:, 0] += 500
    assert agreement(write(tmp_path / "ours", wrong), theirs) == 1


def test_a_missing_keypoint_does_not_agree(tmp_path: Path) -> None:
    theirs = write(tmp_path / "theirs", person())
    hidden = person()
    hidden[:9] = 0
    assert agreement(write(tmp_path / "ours", hidden), theirs) == pytest.approx(0.5)


def test_head_and_shoulders_are_measured_by_the_shoulders(tmp_path: Path) -> None:
    upper = person()
    upper[[8, 11]] = 0
    upper[[2, 5], :2] = [(70, 100), (130, 100)]  # 60 apart: a torso of 120
    theirs = write(tmp_path / "theirs", upper)
    moved = upper.copy()
    moved[:, 0] += np.where(upper[:, 2] > 0, 23, 0)
    assert agreement(write(tmp_path / "ours", moved), theirs) == 1
