"""Cameras whose lenses nobody measured: focal lengths from people, and how little is known then.

People from several sides fix focal lengths and one radial term, but neither the lens's axis
(moving it looks like turning the camera) nor more of its bend: those stay guesses, and count as
such in what is said about how well the rig is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.geometry.arrays import Doubles, Ints, Mask
from calibration.geometry.bundle_adjustment import adjust
from calibration.geometry.bundle_scene import CENTRE, FOCAL, LENS, Scene, Sights, free_poses
from calibration.geometry.camera import Camera
from calibration.geometry.errors import DegenerateError
from calibration.people.shift_statistic import BIAS_SIGMA

START_FOCALS = 0.5, 0.8, 1.3, 2.0  # focal lengths to start from, in longer sides of the picture
# Standard deviations of focal lengths about a start (as a share), of the axis from the picture's
# middle (in focal lengths), and of the radial term.
FOCAL_SIGMA, CENTRE_SIGMA, RADIAL_SIGMA = 0.3, 0.02, 0.1
ASPECT_SIGMA = 1e-4  # of the focal length: pixels of today's sensors are square
MAX_FOCAL_SIGMA = 0.1  # of a focal length: a rig known no better is no use


@dataclass(frozen=True, slots=True, eq=False)
class RigUncertainty:
    """Standard deviations of cameras, (V,) each. focal: shares of the focal lengths. turns:
    radians, moves: shares of the largest distance between cameras, both as the first one sees it.
    """

    focal: Doubles
    turns: Doubles
    moves: Doubles


def guess(camera: Camera, factor: float) -> Camera:
    """An ideal lens about the middle of the picture, so many longer sides away from it."""
    wide, high = camera.size
    focal = factor * max(wide, high)
    matrix = np.array([[focal, 0, (wide - 1) / 2], [0, focal, (high - 1) / 2], [0, 0, 1]])
    return replace(camera, matrix=matrix, distortion=np.zeros(5), fisheye=False)


def unknown(cameras: Sequence[Camera], *, axis: bool = False) -> tuple[Mask, Doubles, float]:
    """Which parameters move, their priors, and how far the two focal lengths may drift apart."""
    free = free_poses(cameras)
    free[:, FOCAL:CENTRE] = free[:, LENS] = True
    free[:, CENTRE:LENS] = axis
    prior = np.full(free.shape, np.inf)
    focal = np.array([camera.matrix[0, 0] for camera in cameras])[:, None]
    prior[:, FOCAL:CENTRE], prior[:, CENTRE:LENS], prior[:, LENS] = (
        FOCAL_SIGMA * focal,
        CENTRE_SIGMA * focal,
        RADIAL_SIGMA,
    )
    return free, prior, ASPECT_SIGMA * float(focal.mean())


def rig_uncertainty(scene: Scene, sights: Sights, place: Ints) -> RigUncertainty:
    """From the joint covariance of poses, focal lengths, axes and bends; place: (T,) of targets.

    All that a camera saw in one place is off together, so it weighs no more than that lets it.
    """
    cameras = scene.cameras
    free, prior, square = unknown(cameras, axis=True)
    own = place[sights.target] + 1 + (place.max() + 2) * sights.camera
    crowd = np.bincount(own)[own]
    share = np.minimum(1, BIAS_SIGMA**-2 / crowd)
    weighed = replace(sights, weight=sights.weight * np.sqrt(share))
    done = adjust(scene, weighed, free, prior=prior, square=square, steps=0)
    whole = np.zeros((free.size, free.size))
    at = np.flatnonzero(free)
    # Nothing but the choice of a scale tells how large the rig is.
    larger = np.zeros(free.shape)
    larger[:, 3:FOCAL] = [camera.translation for camera in cameras]
    scale = larger[free] / np.linalg.norm(larger)
    firm = done.information.diagonal().max()
    whole[np.ix_(at, at)] = np.linalg.pinv(done.information + firm * np.outer(scale, scale))
    params = free.shape[1]
    focal, turns, moves = np.zeros((3, len(cameras)))
    for n, camera in enumerate(cameras):
        block = whole[n * params : (n + 1) * params, n * params : (n + 1) * params]
        focal[n] = np.sqrt(block[FOCAL, FOCAL]) / camera.matrix[0, 0]
        turns[n] = np.sqrt(np.trace(block[:3, :3]))
        x, y, z = camera.translation
        # centre = -R^T t: a small turn w and a shift s move it by -R^T (s + t x w).
        by = np.hstack([[[0, -z, y], [z, 0, -x], [-y, x, 0]], np.eye(3)])
        moves[n] = np.sqrt(np.trace(by @ block[:FOCAL, :FOCAL] @ by.T))
    centres = np.stack([camera.centre for camera in cameras])
    apart = np.linalg.norm(centres[:, None] - centres, axis=-1).max()
    return RigUncertainty(focal, turns, moves / apart)


def check_known(cameras: Sequence[Camera], found: RigUncertainty) -> None:
    """DegenerateError where people do not tell the lenses."""
    worst = int(found.focal.argmax())
    if not found.focal[worst] < MAX_FOCAL_SIGMA:
        raise DegenerateError(
            "These people do not determine the lenses: the focal length of "
            f"{cameras[worst].name} is uncertain by {found.focal[worst]:.0%}. Calibrate the "
            "lenses (python -m calibration intrinsics) and give --intrinsics, or film people "
            "near and far with three or more cameras."
        )
