"""One person found twice: parametric pose NMS (RMPE, ICCV'17, section 3.3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.poses import Floats, Poses
from realtime.oks import areas

CONFIDENT = 0.3  # sigma 1: the score at which a keypoint has most of its say
REACH = 0.1  # sides of the person's area within which keypoints are the same one
NEAR = 0.05  # sigma 2, in the same unit
WEIGHT = 1.0  # lambda, of distance against agreement of scores
SAME = 0.6  # eta: share of what the weaker pose could reach at most


def without_duplicates(poses: Poses) -> Poses:
    """Poses of a frame; of two that show one person the better one, filled up from the other."""
    if len(poses) < 2:
        return poses
    twins = _similarity(poses) > SAME
    np.fill_diagonal(twins, False)
    if not twins.any():
        return poses
    order = np.argsort(-poses.score.sum(axis=1), kind="stable")
    xy, score = poses.xy.copy(), poses.score.copy()
    kept = np.ones(len(poses), bool)
    for rank, best in enumerate(order.tolist()):
        if not kept[best]:
            continue
        for other in order[rank + 1 :].tolist():
            if kept[other] and twins[best, other]:
                kept[other] = False
                gap = np.isnan(xy[best, :, 0])
                xy[best, gap], score[best, gap] = xy[other, gap], score[other, gap]
    return Poses(poses.skeleton, xy[kept], score[kept], poses.person_score[kept])


def _similarity(poses: Poses) -> Floats:
    """(P, P) 0..1: soft matching of scores within a box, plus closeness, as in equations 8-10.

    Normalised by what the pose with less evidence could reach, so that a fragment is a duplicate.
    """
    side = np.sqrt(areas(poses.xy))
    unit = np.maximum(side[:, None], side[None])[..., None]
    apart = np.abs(poses.xy[:, None] - poses.xy[None]) / unit[..., None]
    within: NDArray[np.bool_] = (apart <= REACH).all(axis=-1)  # False for NaN
    say = np.tanh(poses.score / CONFIDENT)
    scores = np.where(within, say[:, None] * say[None], 0).sum(axis=-1)
    distance = np.nan_to_num((apart**2).sum(axis=-1), nan=np.inf)
    near = np.exp(-distance / (2 * NEAR**2)).sum(axis=-1)
    most = (say**2).sum(axis=1) + WEIGHT * poses.found.sum(axis=1)
    least = np.maximum(np.minimum(most[:, None], most[None]), 1e-6)
    similarity: Floats = (scores + WEIGHT * near) / least
    return similarity
