"""One person found twice: parametric pose NMS (RMPE, ICCV'17, section 3.3)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

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
    direct = _agreement(poses, np.arange(len(mirror)))
    crossed = _agreement(poses, mirror)[..., mirror]  # by the keypoints of the other pose as well
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


def _agreement(poses: Poses, way: NDArray[np.int_]) -> Floats:
    """(P, P, K) what each keypoint adds to how alike two poses are, 0..1 in all of a body.

    Soft matching of scores within a box, plus closeness, as in equations 8-10, in shares of what
    the pose with less evidence could reach, so that a fragment is a duplicate. way: the keypoints
    of the other pose, in the order in which they are compared.
    """
    body = np.array(poses.skeleton.body)
    side = np.sqrt(areas(poses.xy[:, body]))
    unit = np.maximum(side[:, None], side[None])[..., None]
    apart = np.abs(poses.xy[:, None] - poses.xy[None, :, way]) / unit[..., None]
    within: NDArray[np.bool_] = (apart <= MATCH_BOX_SIDES).all(axis=-1)  # False for NaN
    say = np.tanh(poses.score / SCORE_SCALE)
    scores = np.where(within, say[:, None] * say[None, :, way], 0)
    distance = np.nan_to_num((apart**2).sum(axis=-1), nan=np.inf)
    near = np.exp(-distance / (2 * DISTANCE_SCALE_SIDES**2))
    most = (say[:, body] ** 2).sum(axis=1) + DISTANCE_WEIGHT * poses.found[:, body].sum(axis=1)
    least = np.maximum(np.minimum(most[:, None], most[None]), 1e-6)
    agreement: Floats = (scores + DISTANCE_WEIGHT * near) / least[..., None]
    return agreement
