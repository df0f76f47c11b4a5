"""How far off a calibrated lens may put points, all over the picture.

A board in one corner fixes the focal length well and says next to nothing of the opposite corner.
So the covariance of all of the lens's parameters is carried to the picture, less what turning the
camera makes good (as mrcal does: https://mrcal.secretsauce.net/uncertainty.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calibration.geometry.arrays import Doubles
from calibration.geometry.bundle_adjustment import adjust
from calibration.geometry.bundle_scene import CENTRE, FOCAL, LENS, Scene, Sights
from calibration.geometry.camera import Camera, rotation_matrix

GRID_POINTS = 9  # points across and down: three in each ninth of the picture
# Radial terms that count as unknown at least, as even a lens fitted without has some.
MIN_FREE_TERMS = 2
# Of central differences, relative: the cube root of double precision is 6e-6.
DIFFERENCE_STEP = 1e-6


def projected(
    scene: Scene,
    sights: Sights,
    others: Sequence[Camera],
    sigma: float,
    prior: float,
    square: float,
) -> Doubles:
    """(GRID, GRID) pixels by which points may be off, rows from the top, in standard deviations;
    inf where the lens says nothing: by the covariance, or by the jackknife where that says more.

    others: the lens as calibrated with a part of the views left out, each in turn. sigma: pixels
    that corners are off. prior, square: of distortion terms, of the focal lengths' difference.
    """
    camera = scene.cameras[0]
    terms = max(MIN_FREE_TERMS, int(np.flatnonzero(camera.distortion).max(initial=0)) + 1)
    free = np.zeros((1, LENS + len(camera.distortion)), bool)
    free[0, FOCAL : LENS + terms] = True
    priors = np.full(free.shape, np.inf)
    priors[0, LENS:] = prior / sigma
    done = adjust(scene, sights, free, huber=None, prior=priors, square=square / sigma, steps=0)
    covariance = sigma**2 * np.linalg.pinv(done.information)
    across, down = (np.linspace(0, most - 1, GRID_POINTS) for most in camera.size)
    grid = np.stack(np.meshgrid(across, down), -1).reshape(-1, 2)
    undistorted = camera.normalise(grid)
    rays = np.concatenate([undistorted, np.ones_like(undistorted[:, :1])], 1)
    turns = [rotation_matrix(DIFFERENCE_STEP * axis) for axis in np.eye(3)]
    by_turn = [
        (camera.project(rays @ one.T) - camera.project(rays)) / DIFFERENCE_STEP for one in turns
    ]
    by_lens = [_slope(camera, rays, int(n)) for n in np.flatnonzero(free[0])]
    apart = [one.project(rays) - camera.project(rays) for one in others]
    columns = np.stack(by_turn + by_lens + apart, -1)
    known = np.isfinite(columns).all((1, 2))
    flat_columns = columns[known].reshape(2 * int(known.sum()), -1)
    turn, rest = flat_columns[:, :3], flat_columns[:, 3:]
    rest = rest - turn @ np.linalg.lstsq(turn, rest)[0]
    slope, apart_now = rest[:, : len(by_lens)], rest[:, len(by_lens) :]
    variance = np.einsum("np,pq,nq->n", slope, covariance, slope)
    count = len(others)
    jackknife = (count - 1) * apart_now.var(1)
    out = np.full(len(grid), np.inf)
    out[known] = np.sqrt(np.maximum(variance, jackknife).reshape(-1, 2).sum(1))
    return out.reshape(GRID_POINTS, GRID_POINTS)


def _slope(camera: Camera, rays: Doubles, number: int) -> Doubles:
    """(N, 2) by one of the parameters as in bundle_scene.py."""
    step = DIFFERENCE_STEP * (camera.matrix[0, 0] if number < LENS else 1.0)
    ends = []
    for by in (-step, step):
        matrix, distortion = camera.matrix.copy(), camera.distortion.copy()
        if number < CENTRE:
            matrix[number - FOCAL, number - FOCAL] += by
        elif number < LENS:
            matrix[number - CENTRE, 2] += by
        else:
            distortion[number - LENS] += by
        moved = replace(camera, matrix=matrix, distortion=distortion)
        ends.append(moved.project(rays))
    return np.asarray((ends[1] - ends[0]) / (2 * step), np.float64)
