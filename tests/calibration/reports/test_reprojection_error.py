"""The report of a rig from a board says what its residuals are."""

from __future__ import annotations

import numpy as np

from calibration.board.camera_pairs import Pair
from calibration.board.extrinsics import BoardExtrinsics
from calibration.geometry.bundle_scene import Scene, Sights
from calibration.geometry.camera import Rig
from calibration.reports.reprojection_error import reprojection_report
from tests.calibration.cameras import ring


def rig_with(residuals: list[list[float]], good: list[bool]) -> BoardExtrinsics:
    """Two cameras that saw one board, with so many pixels between corners and board."""
    rig = ring(2)
    count = len(residuals)
    camera = np.arange(count) % 2
    sights = Sights(
        camera, np.zeros(count, int), np.zeros((count, 3)), np.zeros((count, 2)), np.ones(count)
    )
    scene = Scene(rig.cameras, np.zeros((1, 3)), np.eye(3)[None])
    pair = Pair(0, 1, (np.eye(3), np.zeros(3)), 12, 0.0015)
    return BoardExtrinsics(
        Rig(rig.cameras), scene, [0], sights, np.array(good), np.array(residuals), [pair], "fine"
    )


def test_each_camera_and_all_have_their_reprojection_error() -> None:
    # Camera 0 is off by 0.5 px each time, camera 1 by 1.3; an outlier of it does not count.
    off = [[0.3, 0.4], [0.5, 1.2], [-0.4, 0.3], [1.2, -0.5], [0.0, 0.5], [300.0, 400.0]]
    said = reprojection_report(rig_with(off, [True] * 5 + [False])).splitlines()
    assert said[0] == "1 boards, 6 corners, fine"
    assert "cam0 and cam1: 12 boards" in said[1]
    assert "1.5 mm" in said[1]
    assert said[2].split() == ["cam0", "0.500", "px", "(RMS)", "over", "3", "corners"]
    assert said[3].split()[:2] == ["cam1", "1.300"]
    whole = np.sqrt((3 * 0.25 + 2 * 1.69) / 5)
    assert said[4] == (
        f"a rig of 2 cameras; reprojection error {whole:.3f} px (RMS); 1 corners left out"
    )
    assert len(said) == 5


def test_a_poor_rig_is_called_so() -> None:
    said = reprojection_report(rig_with([[6.0, 8.0]] * 4, [True] * 4))
    assert "verdict        poor" in said
    assert "--sync board" in said
