"""Boxes of people from elsewhere, joined with people who are known already."""

from __future__ import annotations

import numpy as np

from engines.crops.fusion import BOX_TO_KEYPOINTS_AREA
from engines.decoders.boxes.people_boxes import BOX
from engines.types.arrays import Floats, Mask
from engines.types.oks import boxes, iou
from engines.types.poses import Poses

MIN_IOU = 0.5  # with somebody's box, from which on a detector's box is that person's
MIN_SCORE = 0.1  # of keypoints that tell where in a box somebody is; see tests.bench.recrop
MIN_KEYPOINTS = 4  # of them, or the box stays
BOX_SHARE = BOX_TO_KEYPOINTS_AREA**-0.5  # of a side of a box that a person's keypoints take


def boxes_of_people(xy: Floats) -> Floats:
    """(P, K, 2) keypoints -> (P, 4) corners of the people's boxes, who end beyond keypoints."""
    return _scaled(boxes(xy), 1 / BOX_SHARE)


def as_keypoints(corners: Floats) -> Poses:
    """(B, 4) boxes as people of two keypoints, around which crops are as around their own."""
    xy = _scaled(corners, BOX_SHARE).reshape(-1, 2, 2)
    sure = np.ones(xy.shape[:2], np.float32)
    return Poses(BOX, xy, sure, np.ones(len(xy), np.float32))


def unclaimed(corners: Floats, people: Floats) -> Floats:
    """Those of (B, 4) boxes that are nobody's of the (P, 4) boxes of people."""
    if not len(corners) or not len(people):
        return corners
    mine = iou(corners, people).max(axis=1)
    free: Floats = corners[mine < MIN_IOU]
    return free


def centred(corners: Floats, people: Poses) -> tuple[Floats, Mask]:
    """(B, 4) boxes as large as they were, with who was found in each of them in the middle: where
    a box is off its size is still right, but the size of a pose that the box cut is not. And (B,)
    whether enough of somebody was found.
    """
    sure = (people.score >= MIN_SCORE) & people.found
    low = np.where(sure[..., None], people.xy, np.inf).min(axis=1, initial=np.inf)
    high = np.where(sure[..., None], people.xy, -np.inf).max(axis=1, initial=-np.inf)
    told = sure.sum(axis=1) >= MIN_KEYPOINTS
    middle = (corners[:, :2] + corners[:, 2:]) / 2
    low, high = np.where(told[:, None], low, middle), np.where(told[:, None], high, middle)
    way = (low + high) / 2 - middle
    return (corners + np.tile(way, 2)).astype(np.float32), told


def _scaled(corners: Floats, factor: float) -> Floats:
    middle, half = (corners[:, :2] + corners[:, 2:]) / 2, (corners[:, 2:] - corners[:, :2]) / 2
    half = half * np.float32(factor)
    return np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)
