"""Where a board is in one view, by geometry."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.board.board_pose import board_poses
from calibration.geometry.camera import Camera, rotation_matrix
from tests.calibration.boards import CHARUCO

CAMERA = Camera("c", (640, 480), np.array([[600.0, 0, 310], [0, 605, 245], [0, 0, 1]]))


@pytest.mark.parametrize("turn", [(0.4, -0.3, 0.2), (-0.5, 0.1, 2.0), (0.0, 0.6, -1.0)])
def test_the_likelier_pose_is_where_the_board_is(turn: tuple[float, float, float]) -> None:
    rotation, translation = rotation_matrix(np.array(turn)), np.array([0.05, -0.02, 0.8])
    xy = CAMERA.project(CHARUCO.points @ rotation.T + translation)
    found = board_poses(CAMERA, CHARUCO.points, xy)
    np.testing.assert_allclose(found[0][0], rotation, atol=1e-5)
    np.testing.assert_allclose(found[0][1], translation, atol=1e-5)


def test_a_far_board_may_be_tilted_either_way() -> None:
    """Both tilts are told; each explains the picture within a fraction of a pixel."""
    rotation, translation = rotation_matrix(np.array([0.3, 0.0, 0.0])), np.array([0.0, 0, 12.0])
    xy = CAMERA.project(CHARUCO.points @ rotation.T + translation)
    found = board_poses(CAMERA, CHARUCO.points, xy)
    assert len(found) == 2
    np.testing.assert_allclose(found[0][0], rotation, atol=1e-3)
    assert np.abs(found[1][0] - rotation).max() > 0.1
    for turn, shift in found:
        again = CAMERA.project(CHARUCO.points @ turn.T + shift)
        assert np.abs(again - xy).max() < 0.5


def test_what_a_lens_cannot_have_seen_has_no_pose() -> None:
    xy = np.full((len(CHARUCO.points), 2), np.nan)
    assert board_poses(CAMERA, CHARUCO.points, xy) == []
