"""One person found twice: parametric pose NMS (RMPE, ICCV'17, section 3.3)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engines.types.arrays import Floats
from engines.types.oks import areas
from engines.types.poses import Poses

SCORE_SCALE = 0.3  # sigma 1: the score at which a keypoint has most of its say
MATCH_BOX_SIDES = 0.1  # half the box of a match, in sides (root) of the person's area
DISTANCE_SCALE_SIDES = 0.05  # sigma 2, in the same unit
DISTANCE_WEIGHT = 1.0  # lambda, of distance against agreement of scores
MIN_DUPLICATE_SHARE = 0.6  # eta: of what the weaker pose could reach; above it, a duplicate
MAX_ELSEWHERE_SHARE = 1e-3  # of agreement by which a keypoint still counts as lying elsewhere


def suppress_duplicates(poses: Poses) -> Poses:
    """Poses of a frame; of two that show one body the better one, filled up from the other.

    Of somebody seen from behind a network may find pieces of the front as well, so a keypoint may
    lie upon its other side, here or there; with such a one nothing is filled up.
    """
    if len(poses) < 2:
        return poses
    mirror, body = np.array(poses.skeleton.mirror), np.array(poses.skeleton.body)
    side = np.sqrt(areas(poses.xy[:, body]))
    unit = np.maximum(side[:, None], side[None])[..., None]
    say = np.tanh(poses.score / SCORE_SCALE)
    most = (say[:, body] ** 2).sum(axis=1) + DISTANCE_WEIGHT * poses.found[:, body].sum(axis=1)
    # In shares of what the pose with less evidence could reach, so that a fragment is a duplicate.
    least = np.maximum(np.minimum(most[:, None], most[None]), 1e-6)[..., None]
    direct = _agreement(poses.xy, poses.xy, say, say, unit) / least
    crossed = _agreement(poses.xy, poses.xy[:, mirror], say, say[:, mirror], unit) / least
    crossed = crossed[..., mirror]  # by the keypoints of the other pose as well
    twins = np.maximum(direct, crossed)[..., body].sum(axis=-1) > MIN_DUPLICATE_SHARE
    np.fill_diagonal(twins, False)
    if not twins.any():
        return poses
    order = np.argsort(-poses.score[:, body].sum(axis=1), kind="stable")
    xy, score = poses.xy.copy(), poses.score.copy()
    kept = np.ones(len(poses), bool)
    for rank, best in enumerate(order.tolist()):
        if not kept[best]:
            continue
        for other in order[rank + 1 :].tolist():
            if kept[other] and twins[best, other]:
                kept[other] = False
                gap = np.isnan(xy[best, :, 0]) & (crossed[best, other] < MAX_ELSEWHERE_SHARE)
                xy[best, gap], score[best, gap] = xy[other, gap], score[other, gap]
    return replace(poses, xy=xy, score=score).some(np.flatnonzero(kept))


def _agreement(one: Floats, other: Floats, say: Floats, others: Floats, unit: Floats) -> Floats:
    """(P, P, K) what each keypoint adds to how alike two poses are: equations 8-10.

    Soft matching of scores within a box, plus closeness. one, other: (P, K, 2), say, others: (P, K)
    what each keypoint has to say. unit: (P, P, 1) of distances.
    """
    wide = np.abs(one[:, None, :, 0] - other[None, :, :, 0]) / unit
    high = np.abs(one[:, None, :, 1] - other[None, :, :, 1]) / unit
    within = (wide <= MATCH_BOX_SIDES) & (high <= MATCH_BOX_SIDES)  # False for NaN
    scores = np.where(within, say[:, None] * others[None], 0)
    near = np.exp(-(wide * wide + high * high) / (2 * DISTANCE_SCALE_SIDES**2))
    near = np.where(np.isnan(near), 0, near)
    return np.asarray(scores + DISTANCE_WEIGHT * near)
