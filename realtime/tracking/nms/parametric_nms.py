"""Parametric pose NMS to the letter of RMPE (Fang et al., ICCV'17, section 3.3, equations 8-11).

Beside `pose_nms.suppress_duplicates`, which is ours: that one goes by sizes of people in place of
pixels, and fills the better pose up from the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.types.arrays import Indices, Mask
from engines.types.oks import boxes
from engines.types.poses import Poses

TUNED_KEYPOINTS = 17  # of COCO, for which the threshold was learned


@dataclass(frozen=True, slots=True)
class RmpeSettings:
    """The constants, by default those that AlphaPose (MVIG-SJTU, pPose_nms.py) has for COCO.

    score_scale: sigma 1. distance_scale: sigma 2, in square pixels. distance_weight: lambda.
    threshold: eta, for 17 keypoints; of others a share of it. box_share: the box around a keypoint
    within which scores are compared, in shares of the person's box (1/10 in the paper). matches,
    match_px: AlphaPose also eliminates whoever has so many keypoints within so many pixels, or
    within box_share of the longer side of the box where that is less; 0 = the equations alone.
    """

    score_scale: float = 1.0
    distance_scale: float = 2.65
    distance_weight: float = 1.7
    threshold: float = 22.48
    box_share: float = 0.1
    matches: int = 5
    match_px: float = 7.0


ALPHAPOSE = RmpeSettings()


def eliminate_duplicates(poses: Poses, settings: RmpeSettings = ALPHAPOSE) -> Poses:
    """Poses of a frame without those that are too like a better one; none is changed.

    The best pose (mean score of its body) eliminates those like it, then the best of the rest.
    """
    body = np.array(poses.skeleton.body)
    rest = np.argsort(-poses.score[:, body].mean(axis=1), kind="stable")
    kept = []
    while len(rest):
        best, rest = rest[0], rest[1:]
        kept.append(best)
        rest = rest[~_alike(poses, best, rest, settings)]
    return poses.some(np.sort(np.array(kept, int)))


def _alike(poses: Poses, one: int, others: Indices, settings: RmpeSettings) -> Mask:
    """(M,) whether each of the others is eliminated by that one (equation 8)."""
    body = np.array(poses.skeleton.body)
    xy, score = poses.xy[:, body], poses.score[:, body]
    left, top, right, bottom = boxes(xy[one : one + 1])[0]
    sides = np.array([right - left, bottom - top])
    apart = np.abs(xy[others] - xy[one])
    with np.errstate(invalid="ignore"):
        within = (apart <= settings.box_share * sides / 2).all(axis=-1)
    say = np.tanh(score / settings.score_scale)
    soft_matches = np.where(within, say[one] * say[others], 0).sum(axis=1)  # equation 9
    square = np.nan_to_num((apart**2).sum(axis=-1), nan=np.inf)
    near = np.exp(-square / settings.distance_scale).sum(axis=1)  # equation 10
    likeness = soft_matches + settings.distance_weight * near  # equation 11
    eliminated = likeness > settings.threshold * len(body) / TUNED_KEYPOINTS
    if settings.matches:
        reach = min(settings.box_share * sides.max(), settings.match_px)
        eliminated |= (square <= reach**2).sum(axis=1) >= settings.matches
    return np.asarray(eliminated, bool)
