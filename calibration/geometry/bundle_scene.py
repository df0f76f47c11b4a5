"""Cameras and what they look at, as bundle adjustment sees them: residuals and their derivative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.geometry.arrays import Doubles, Ints, Mask
from calibration.geometry.camera import Camera, padded, rotation_matrix
from calibration.geometry.distortion import by_coefficients, distort, distort_fisheye
from calibration.geometry.linear_triangulation import cross

POSE, FOCAL, CENTRE, LENS = 0, 6, 8, 10  # where a camera's parameters begin
RAYLEIGH_MEDIAN = 1.1774  # median length of a 2D residual of deviation 1: sqrt(2 ln 2)
MIN_DEPTH = 1e-9  # metres before a camera, so that a projection's derivative stays finite
MIN_FOCAL = 1e-3  # pixels; a step beyond raises the cost and is refused


@dataclass(frozen=True, slots=True, eq=False)
class Sights:
    """N image points: `camera` (N,) saw at `xy` (N, 2) pixels the `point` (N, 3) of `target` (N,),
    in the target's own frame; `weight` (N,) is 1 / standard deviation in pixels.
    """

    camera: Ints
    target: Ints
    point: Doubles
    xy: Doubles
    weight: Doubles

    def __len__(self) -> int:
        return len(self.camera)

    def __getitem__(self, rows: Mask | Ints) -> Sights:
        return Sights(
            self.camera[rows], self.target[rows], self.point[rows], self.xy[rows], self.weight[rows]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Cameras and targets: boards have rotations (T, 3, 3), points have none; translations (T, 3)
    say where in the world they are.
    """

    cameras: tuple[Camera, ...]
    translations: Doubles
    rotations: Doubles | None = None

    def residuals(self, sights: Sights) -> Doubles:
        """(N, 2) pixels, projected minus seen; NaN where behind its camera."""
        return linearise(self, sights, lenses=False)[0]


def free_poses(cameras: Sequence[Camera], *, first: bool = True) -> Mask:
    """Which parameters move in a rig with known intrinsics: all poses (but the first camera's)."""
    free = np.zeros((len(cameras), LENS + max(len(one.distortion) for one in cameras)), bool)
    free[int(first) :, :FOCAL] = True
    return free


def linearise(
    scene: Scene, sights: Sights, *, lenses: bool = True
) -> tuple[Doubles, Doubles, Doubles]:
    """Residuals (N, 2), derivatives by the camera (N, 2, P) and by the target (N, 2, 6 or 3).

    lenses: also by the coefficients of distortion, which are P's last.
    """
    count = len(sights)
    most = LENS + (max(len(one.distortion) for one in scene.cameras) if lenses else 0)
    residuals = np.empty((count, 2))
    by_camera = np.zeros((count, 2, most))
    by_target = np.empty((count, 2, 3 if scene.rotations is None else 6))
    local = sights.point
    if scene.rotations is not None:
        local = (scene.rotations[sights.target] @ sights.point[..., None])[..., 0]
    world = local + scene.translations[sights.target]
    for number, camera in enumerate(scene.cameras):
        rows = _rows(sights.camera, number)
        turned = world[rows] @ camera.rotation.T
        inside = turned + camera.translation
        with np.errstate(all="ignore"):
            inverse = np.where(inside[:, 2:] > MIN_DEPTH, 1 / inside[:, 2:], np.nan)
            ideal = inside[:, :2] * inverse
            if camera.fisheye:
                bent, slope = distort_fisheye(ideal, camera.distortion)
            else:
                bent, slope = distort(ideal, padded(camera.distortion))
            focal = camera.matrix.diagonal()[:2]
            # d(ideal) / d(inside) is [[1/z, 0, -x/z^2], [0, 1/z, -y/z^2]].
            by_inside = np.concatenate([slope, -(slope @ ideal[..., None])], axis=-1) * (
                inverse[..., None] * focal[:, None]
            )
            if lenses:
                lens = by_coefficients(ideal, camera.distortion, fisheye=camera.fisheye)
                by_camera[rows, :, LENS : LENS + lens.shape[-1]] = lens * focal[:, None]
        residuals[rows] = bent * focal + camera.matrix[:2, 2] - sights.xy[rows]
        # A row g of the derivative by a point p gives g (w x p) = w (p x g) for a small turn w.
        by_camera[rows, :, :3] = cross(turned[:, None], by_inside)
        by_camera[rows, :, 3:FOCAL] = by_inside
        by_camera[rows, 0, FOCAL] = bent[:, 0]
        by_camera[rows, 1, FOCAL + 1] = bent[:, 1]
        by_camera[rows, 0, CENTRE] = by_camera[rows, 1, CENTRE + 1] = 1
        by_world = by_inside @ camera.rotation
        if scene.rotations is not None:
            by_target[rows, :, :3] = cross(local[rows][:, None], by_world)
        by_target[rows, :, -3:] = by_world
    return residuals, by_camera, by_target


def _rows(camera: Ints, number: int) -> Ints | slice:
    """Where a camera's sights are: of sorted ones a slice, which copies nothing."""
    rows = np.flatnonzero(camera == number)
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def moved(
    scene: Scene, free: Mask, by_camera: Doubles, by_target: Doubles
) -> tuple[Scene, Doubles]:
    """The scene after a step, and the step of all parameters of the cameras (V, P)."""
    by = np.zeros(free.shape)
    by[free] = by_camera
    cameras = []
    for camera, own in zip(scene.cameras, by, strict=True):
        matrix = camera.matrix.copy()
        # A focal length stays above 0 whatever the step says; the cost then refuses the step.
        matrix[[0, 1], [0, 1]] = np.maximum(matrix.diagonal()[:2] + own[FOCAL:CENTRE], MIN_FOCAL)
        matrix[:2, 2] += own[CENTRE:LENS]
        turn = rotation_matrix(own[:3])
        cameras.append(
            replace(
                camera,
                matrix=matrix,
                distortion=camera.distortion + own[LENS : LENS + len(camera.distortion)],
                rotation=_orthogonal(turn @ camera.rotation),
                translation=camera.translation + own[3:FOCAL],
            )
        )
    rotations = scene.rotations
    if rotations is not None:
        rotations = _turns(by_target[:, :3]) @ rotations
    return Scene(tuple(cameras), scene.translations + by_target[:, -3:], rotations), by


def _orthogonal(matrix: Doubles) -> Doubles:
    """The nearest rotation: thousands of steps must not add up to something else."""
    u, _, v = np.linalg.svd(matrix)
    return np.asarray(u @ v, np.float64)


def _turns(vectors: Doubles) -> Doubles:
    """(T, 3, 3) of Rodrigues vectors (T, 3)."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    safe = np.where(angle > 1e-12, angle, 1)
    x, y, z = np.moveaxis(vectors, 1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3) / safe
    turns = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return np.asarray(turns, np.float64)
