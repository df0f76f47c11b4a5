"""How to look at a rig: which way is up, and what its cameras have before them."""

from __future__ import annotations

import numpy as np

from calibration.files.corners_csv import Corners
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera, Rig


def upwards(rig: Rig) -> Doubles:
    """(3,) the axis of the world that is up where cameras stand upright, as most do."""
    up = -rig.rotations[:, 1].sum(0)
    axis = np.zeros(3)
    axis[np.abs(up).argmax()] = np.sign(up[np.abs(up).argmax()])
    return axis


def sight(camera: Camera) -> Doubles:
    """(4, 3) directions in the world to the picture's corners, a metre deep; without distortion,
    which no lens model holds for certain out there.
    """
    wide, high = camera.size
    pixels = np.array([[0, 0], [wide, 0], [wide, high], [0, high]]) - 0.5
    undistorted = (pixels - camera.matrix[:2, 2]) / camera.matrix.diagonal()[:2]
    ahead: Doubles = np.concatenate([undistorted, np.ones((4, 1))], axis=1) @ camera.rotation
    return ahead


def reach(rig: Rig) -> float:
    """Metres that a camera's sight is drawn: a share of what the rig spans."""
    spans = np.ptp(rig.centres, axis=0)
    return float(0.18 * spans.max()) if spans.max() > 1e-6 else 0.35


def grid_step(least: float) -> float:
    """The smallest of … 0.1, 0.2, 0.5, 1 … metres that is not less."""
    power = 10.0 ** np.floor(np.log10(least))
    return float(next(own * power for own in (1, 2, 5, 10) if own * power >= least * (1 - 1e-9)))


def worst(corners: Corners) -> float:
    """Pixels at which the colours of residuals end: 19 of 20 corners are within."""
    return max(float(np.percentile(corners.error, 95)), 1e-6) if len(corners) else 1.0
