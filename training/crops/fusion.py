"""Two looks at one person made one: the bottom-up network's keypoints and the crop network's."""

from __future__ import annotations

import numpy as np

from engines.types.arrays import Floats, Mask
from engines.types.skeleton import named_skeleton

COCO = named_skeleton("coco17")
AREA = 0.53 * 1.4  # of the box of somebody's keypoints: what COCO calls the area of a person
MIN_SAME_OKS = 0.2  # below which the crop network took somebody else
MIN_TRUSTED_SCORE = 0.3  # from which on the crop network's keypoints go before the others


def oks(one: Floats, other: Floats, known: Mask) -> float:
    """Object keypoint similarity of two (K, 2) people over the known points of the first."""
    known = known & ~np.isnan(one[:, 0]) & ~np.isnan(other[:, 0])
    if not known.any():
        return 0.0
    box = np.ptp(one[known], axis=0)
    area = max(AREA * float(box[0] * box[1]), 1.0)
    far = np.square(one[known] - other[known]).sum(1)
    two_sigma = 2 * np.array(COCO.sigmas, np.float32)[known]
    return float(np.exp(-far / (2 * area * two_sigma**2)).mean())


def fuse(
    first: Floats,
    first_score: Floats,
    second: Floats,
    second_score: Floats,
    trust: float = MIN_TRUSTED_SCORE,
) -> tuple[Floats, Floats, float, float]:
    """(K, 2) points and (K,) scores of both looks to those of the person, its score and the OKS.

    first: the bottom-up network's, NaN and 0 where it found nothing. second: the crop network's.
    """
    found = first_score > 0
    same = oks(first, second, found)
    if same < MIN_SAME_OKS:
        own = first_score[found]
        return first, first_score, 0.5 * float(own.mean()) if len(own) else 0.0, same
    keep = (second_score < trust) & found
    xy = np.where(keep[:, None], first, second).astype(np.float32)
    score = np.where(keep, first_score, second_score).astype(np.float32)
    return xy, score, float(second_score.mean()) * (0.3 + same), same
