"""Two-view geometry of people: essential matrices, Sampson distances, depths."""

from __future__ import annotations

import numpy as np

from calibration.geometry.arrays import Doubles, Floats
from calibration.geometry.camera import rotation_matrix
from calibration.geometry.linear_triangulation import cross
from calibration.people.observations import Couples

# Rays closer to parallel give no depth, as in linear_triangulation.py.
MIN_RAY_ANGLE = np.radians(1.0)


def sampson(matrices: Doubles, p: Doubles, q: Doubles, deviation: Doubles) -> Floats:
    """(H, N) Sampson distances in deviations (Hartley and Zisserman, 11.4.3)."""
    # Four digits are enough to judge by, and half the time; so is one coordinate after another.
    matrix, of_p, of_q = matrices.astype(np.float32), *deviation.astype(np.float32)
    rays_p, rays_q = p.T.astype(np.float32), q.T.astype(np.float32)
    there, here = matrix @ rays_p, matrix.swapaxes(-1, -2) @ rays_q
    off = there[:, 0] * rays_q[0] + there[:, 1] * rays_q[1] + there[:, 2]
    width = (here[:, 0] ** 2 + here[:, 1] ** 2) * of_p**2
    width += (there[:, 0] ** 2 + there[:, 1] ** 2) * of_q**2
    far: Floats = np.abs(off) / np.sqrt(np.maximum(width, np.float32(1e-30)))
    return far


def essential(rotation: Doubles, translation: Doubles) -> Doubles:
    """(3, 3)"""
    x, y, z = translation
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ rotation


def depths(pose: tuple[Doubles, Doubles], couples: Couples) -> Doubles:
    """(2, S, K) of the keypoints in both cameras, in baselines; NaN where rays are parallel."""
    p, q = couples.p @ pose[0].T, couples.q
    normal = cross(p, q)
    size = (normal**2).sum(-1)
    t = np.broadcast_to(pose[1], q.shape)
    lengths = (p**2).sum(-1) * (q**2).sum(-1)
    with np.errstate(all="ignore"):
        both = np.stack([(cross(q, t) * normal).sum(-1), (cross(p, t) * normal).sum(-1)]) / size
    return np.where((couples.weight > 0) & (size > MIN_RAY_ANGLE**2 * lengths), both, np.nan)


def sizes(pose: tuple[Doubles, Doubles], couples: Couples) -> tuple[Doubles, Doubles]:
    """(S,) extents of bodies in baselines, NaN behind a camera; (S,) logarithms of the ratio of
    the two views' extents.
    """
    depth = depths(pose, couples)
    known = np.isfinite(depth[0])
    count = np.maximum(known.sum(-1), 1)
    middle = np.sort(np.where(known, depth, np.inf), -1)[:, np.arange(len(count)), count // 2]
    seen = couples.weight > 0
    share = seen / seen.sum(-1, keepdims=True)
    extent = []
    for rays, far in zip((couples.p, couples.q), middle, strict=True):
        mean = (rays[..., :2] * share[..., None]).sum(1, keepdims=True)
        variance = (((rays[..., :2] - mean) ** 2).sum(-1) * share).sum(-1)
        extent.append(np.where((far > 0) & np.isfinite(far), np.sqrt(variance) * far, np.nan))
    with np.errstate(all="ignore"):
        return np.sqrt(extent[0] * extent[1]), np.log(extent[0] / extent[1])


def refined(pose: tuple[Doubles, Doubles], couples: Couples) -> tuple[Doubles, Doubles]:
    """Least Sampson distances by Gauss and Newton with Huber's weights."""
    turn, shift = pose
    p, q = couples.p.reshape(-1, 3), couples.q.reshape(-1, 3)
    of_p, of_q = couples.deviation.reshape(2, -1)
    weight = couples.weight.ravel()
    for _ in range(8):
        matrix = essential(turn, shift)
        r = p @ turn.T
        there, here = p @ matrix.T, q @ matrix
        width = (here[:, :2] ** 2).sum(-1) * of_p**2 + (there[:, :2] ** 2).sum(-1) * of_q**2
        scale = 1 / np.sqrt(np.maximum(width, 1e-300))
        off = (there * q).sum(-1) * scale
        across = np.linalg.svd(shift[None])[2][1:]  # two directions square to the translation
        by_turn = cross(r, cross(q, np.broadcast_to(shift, q.shape)))
        by_shift = cross(r, q) @ across.T
        jacobian = np.concatenate([by_turn, by_shift], 1) * scale[:, None]
        own = weight * np.minimum(1, 1 / np.maximum(np.abs(off), 1e-9))
        left = jacobian.T @ (jacobian * own[:, None])
        step = -np.linalg.solve(left + 1e-9 * np.trace(left) * np.eye(5), jacobian.T @ (own * off))
        turn = rotation_matrix(step[:3]) @ turn
        shift = shift + step[3:] @ across
        shift = shift / np.linalg.norm(shift)
    return turn, shift
