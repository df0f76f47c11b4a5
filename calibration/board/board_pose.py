"""Where a board is in one view."""

from __future__ import annotations

import cv2
import numpy as np

from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera, rotation_matrix


def board_poses(camera: Camera, points: Doubles, xy: Doubles) -> list[tuple[Doubles, Doubles]]:
    """(3, 3), (3,) board to camera, the likelier first: a plane that is far or seen straight on
    may be tilted either way (Collins and Bartoli, "Infinitesimal Plane-Based Pose Estimation").

    Empty where the lens cannot have seen it so.
    """
    undistorted = camera.normalise(xy)
    if not np.isfinite(undistorted).all():
        return []
    found = []
    _, turns, shifts, _ = cv2.solvePnPGeneric(
        points, undistorted[:, None], np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
    )
    own = np.eye(3)
    for turn, shift in zip(turns, shifts, strict=True):
        if not (np.isfinite(turn).all() and np.isfinite(shift).all()):
            continue
        turn, shift = cv2.solvePnPRefineLM(points, undistorted[:, None], own, None, turn, shift)
        rotation = rotation_matrix(np.asarray(turn, np.float64).ravel())
        translation = np.asarray(shift, np.float64).ravel()
        inside = points @ rotation.T + translation
        if inside[:, 2].min() > 0:
            off = float(np.square(inside[:, :2] / inside[:, 2:] - undistorted).sum())
            found.append((off, rotation, translation))
    found.sort(key=lambda one: one[0])
    return [(rotation, translation) for _, rotation, translation in found]
