"""Cameras and rigs with known answers."""

from __future__ import annotations

import numpy as np

from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Camera, Rig, rotation_matrix

# Plausible lenses by their number of coefficients, as strong as cheap wide ones.
LENSES = {
    0: [],
    4: [-0.28, 0.09, 0.001, -0.0007],
    5: [-0.28, 0.09, 0.001, -0.0007, -0.013],
    8: [0.31, -0.12, 0.001, -0.0007, 0.02, 0.55, -0.05, 0.03],
    12: [0.31, -0.12, 0.001, -0.0007, 0.02, 0.55, -0.05, 0.03, 0.002, -0.001, 0.003, 0.001],
}
LENSES[14] = [*LENSES[12], 0.03, -0.02]
FISHEYE = [-0.02, 0.008, -0.004, 0.001]


def camera(
    name: str = "cam",
    distortion: list[float] | None = None,
    *,
    fisheye: bool = False,
    rotation: tuple[float, float, float] = (0.3, -0.5, 0.1),
    translation: tuple[float, float, float] = (0.2, -0.1, 3.0),
) -> Camera:
    return Camera(
        name=name,
        size=(1280, 720),
        matrix=np.array([[910.0, 0, 641.5], [0, 905.0, 352.25], [0, 0, 1]]),
        distortion=np.array(LENSES[5] if distortion is None else distortion, float),
        rotation=rotation_matrix(np.array(rotation)),
        translation=np.array(translation, float),
        fisheye=fisheye,
    )


def ring(views: int, radius: float = 4.0, height: float = 1.8, lens: int = 5) -> Rig:
    """Cameras in a circle, looking at a point one metre above the world's origin; Z is up."""
    cameras = []
    for n in range(views):
        angle = 2 * np.pi * n / views + 0.2
        centre = np.array([radius * np.cos(angle), radius * np.sin(angle), height])
        ahead = np.array([0, 0, 1.0]) - centre
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, [0, 0, 1.0])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(ahead, right), ahead])
        one = camera(f"cam{n}", LENSES[lens])
        cameras.append(
            Camera(one.name, one.size, one.matrix, one.distortion, rotation, -rotation @ centre)
        )
    return Rig(tuple(cameras))


def cloud(count: int, rng: np.random.Generator) -> Doubles:
    """(count, 3) points where people would be in a ring."""
    return rng.uniform((-0.8, -0.8, 0.0), (0.8, 0.8, 1.9), (count, 3))
