"""One person after another, as the second look compares and fuses them."""

from __future__ import annotations

import numpy as np

from engines.crops.fusion import FusionSettings, agreement, fuse
from engines.types.arrays import Floats, Mask
from engines.types.poses import Poses
from training.crops.people import COCO

# As the second look fuses, but for what is weak: that a point is not there is to be learnt too.
FUSION = FusionSettings(least=0.0)
EVERY_KEYPOINT = np.ones(len(COCO.keypoints), bool)


def persons(xy: Floats, score: Floats) -> Poses:
    """(P, 17, 2) points, NaN = unknown, and their (P, 17) scores."""
    return Poses(COCO, xy, score, np.ones(len(xy), np.float32))


def likes(one: Floats, others: Floats) -> Floats:
    """(P,) OKS of one person's (17, 2) points to each of (P, 17, 2), over those that both have."""
    if not len(others):
        return np.zeros(0, np.float32)
    score = np.ones(others.shape[:2], np.float32)
    return agreement(
        persons(np.broadcast_to(one, others.shape).copy(), score), persons(others, score)
    )


def like(one: Floats, other: Floats, known: Mask) -> float:
    """OKS of two (17, 2) people over the points of the first that are known."""
    return float(likes(np.where(known[:, None], one, np.float32(np.nan)), other[None])[0])


def fused(
    first: Floats, first_score: Floats, second: Floats, second_score: Floats
) -> tuple[Floats, Floats, bool]:
    """(17, 2) points and (17,) scores of both looks, and whether the second saw the same person.

    first: the bottom-up network's, NaN and 0 where it found nothing. second: the crop network's.
    """
    one, other = persons(first[None], first_score[None]), persons(second[None], second_score[None])
    both = fuse(one, other, EVERY_KEYPOINT, np.ones(1, bool), FUSION)
    return both.xy[0], both.score[0], bool(agreement(one, other)[0] >= FUSION.guard)
