"""Whole people: where all keypoints are at once, given what is known of each and of the bones."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from calibration.geometry.small_matrices import symmetric_inverse
from engines.types.arrays import Doubles
from realtime.multiview.bone_lengths import BoneLengths

MAX_ROUNDS = 4  # the start is near, and bones are nearly straight functions of their ends
MIN_STEP_M = 1e-3  # a smaller step is not worth another round


def refined(
    bones: BoneLengths,
    xyz: Doubles,
    covariance: Doubles,
    lengths: Doubles,
    sigma: Doubles,
    bound: Doubles | None = None,
    *,
    deadline: float = np.inf,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Doubles, bool]:
    """Bodies (P, K, 3) moved to where keypoints and bones fit best, and whether time sufficed.

    covariance: (P, K, 3, 3) of the keypoints, square metres. lengths, sigma: (P, L) metres, NaN =
    not known. bound: (P, K) standard deviations past which a keypoint is not moved.

    The most likely bodies, where bones measure how far their ends are apart: an iterated Kalman
    update (Bell and Cathey 1993, Gauss-Newton in as many dimensions as there are bones), of which
    no step is taken that makes a body less likely.
    """
    parent, child = bones.limbs.T
    known = np.isfinite(xyz[..., 0])
    held = np.isfinite(lengths) & known[:, parent] & known[:, child]
    if not held.any():
        return xyz, True
    some = np.flatnonzero(held.any(0))
    held, parent, child = held[:, some], parent[some], child[some]
    lengths, sigma = lengths[:, some], sigma[:, some]
    people, keypoints, limbs = *xyz.shape[:2], np.arange(len(some))
    start = np.where(known[..., None], xyz, 0.0)
    prior = np.where(known[..., None, None], covariance, np.eye(3))
    want = np.where(held, lengths, 0.0)
    variance = np.where(held, sigma, 1.0) ** 2
    noise = variance[..., None] * np.eye(len(parent))
    information = symmetric_inverse(prior)
    body = best = start
    moved = np.zeros_like(start)
    least, change, done = np.full(len(xyz), np.inf), np.inf, True
    for turn in range(MAX_ROUNDS):
        bone = body[:, child] - body[:, parent]
        have = np.maximum(np.sqrt((bone * bone).sum(-1)), 1e-6)
        off = np.where(held, want - have, 0.0)
        pull = (information @ moved[..., None])[..., 0]
        cost = (moved * pull).sum((1, 2)) + (off**2 / variance).sum(1)
        best = np.where((cost <= least)[:, None, None], body, best)
        least = np.minimum(cost, least)
        done = clock() <= deadline
        if not done or change < MIN_STEP_M or turn == MAX_ROUNDS - 1:
            break
        slope, across = np.zeros((2, people, len(parent), keypoints, 3))
        ahead = np.where(held[..., None], bone / have[..., None], 0.0)
        slope[:, limbs, child], slope[:, limbs, parent] = ahead, -ahead
        across[:, limbs, child] = (prior[:, child] @ ahead[..., None])[..., 0]
        across[:, limbs, parent] = -(prior[:, parent] @ ahead[..., None])[..., 0]
        jacobian, gain = (one.reshape(people, len(parent), -1) for one in (slope, across))
        innovation = off[..., None] + jacobian @ moved.reshape(people, -1, 1)
        weight = np.linalg.solve(jacobian @ gain.swapaxes(1, 2) + noise, innovation)
        moved = (gain.swapaxes(1, 2) @ weight).reshape(start.shape)
        change = np.abs(start + moved - body).max()
        body = start + moved
    if bound is not None:
        moved = best - start
        far = np.sqrt((moved * (information @ moved[..., None])[..., 0]).sum(-1))
        best = start + moved * np.minimum(1.0, bound / np.maximum(far, 1e-9))[..., None]
    return np.where(known[..., None], best, np.nan), done
