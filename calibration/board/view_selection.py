"""Which views of a board to calibrate from: sharp ones that together tell most about the lens."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from calibration.board.detection import Sighting
from calibration.board.lens_fit import scene_of
from calibration.geometry.arrays import Doubles
from calibration.geometry.bundle_adjustment import adjust
from calibration.geometry.bundle_scene import FOCAL, LENS
from calibration.geometry.camera import Camera

# Bounds the time of a calibration; beyond it deviations fall with the root of the number.
MAX_VIEWS = 100
MAX_COMPARED_VIEWS = 40  # of them, bounds the time of comparing models: five folds of each
# Times the usual width of an edge, beyond which corners are off by much of a pixel (rule of thumb).
MAX_BLUR_RATIO = 2.0
SHARP_PX = 3.0  # a width of edges that is never too much; about 2 is sharp
# What is known of a lens before the first view, as in `view_information`: next to nothing, but
# invertible.
NO_INFORMATION = 1e-3 * np.eye(6)


def usable_blur(blurs: Collection[float]) -> float:
    """The largest blur, pixels, of a view that is used among views of these."""
    return max(MAX_BLUR_RATIO * float(np.median(list(blurs))), SHARP_PX) if blurs else SHARP_PX


def informative(camera: Camera, seen: Sequence[Sighting], points: Doubles) -> list[int]:
    """At most MAX_COMPARED_VIEWS that together tell most about the lens: each time the one that
    adds most to the determinant of the information on focal lengths, centre and radial terms
    (D-optimal).
    """
    if len(seen) <= MAX_COMPARED_VIEWS:
        return list(range(len(seen)))
    known = np.stack([view_information(camera, one, points) for one in seen])
    total = NO_INFORMATION
    chosen: list[int] = []
    for _ in range(min(MAX_VIEWS, len(seen))):
        gains = np.linalg.slogdet(total + known)[1]
        gains[chosen] = -np.inf
        chosen.append(int(np.argmax(gains)))
        total = total + known[chosen[-1]]
    return chosen


def view_information(camera: Camera, one: Sighting, points: Doubles) -> Doubles:
    """(6, 6) information that a view holds on focal lengths and centre, in thousandths of the
    focal length, and on two radial terms, in hundredths, for corners good to a pixel.
    """
    scale = np.array([1e-3 * camera.matrix[0, 0]] * 4 + [0.01, 0.01])
    scene, sights = scene_of(camera, [one], points)
    free = np.zeros((1, LENS + len(camera.distortion)), bool)
    free[0, FOCAL : LENS + 2] = True
    information = adjust(scene, sights, free, huber=None, steps=0).information
    return np.asarray(information * scale[:, None] * scale, np.float64)
