"""How a camera itself moves from one picture to the next: as most of what it sees does."""

from __future__ import annotations

import cv2
import numpy as np

from engines.types.arrays import Floats, Image, Mask

NO_RETURN = 0.01  # shares of the longer side between a place and where flow there and back leads
LOOKED_AT = 24  # pictures, spread evenly
LATER = 5  # pictures, between which a slow pan shows and a fast one is still followed
CELLS = 32  # along the longer side, whose flow is looked at
MIN_BELIEVED = 0.3  # of these cells, whose flow leads back
MIN_ALIKE = 0.4  # of those, that move alike
NEAR = 0.005  # shares of the longer side: cells that are nearer than this to a motion have it
STILL = 0.003  # shares of the longer side, by which a still camera seems to move at most


def flow_between(one: Image, other: Image) -> tuple[Floats, Mask]:
    """(H, W, 2) pixels from places of one picture to where they are in the other, and (H, W)
    whether flow leads back (dense inverse search, Kroeger et al., ECCV'16).
    """
    high, wide = one.shape[:2]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    # The preset stops at a quarter of such small pictures, where what is thin moves half as far.
    search.setFinestScale(0)
    first, second = (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (one, other))
    there, back = search.calc(first, second, None), search.calc(second, first, None)
    at = np.stack(np.meshgrid(np.arange(wide), np.arange(high)), -1).astype(np.float32)
    returned = cv2.remap(back, at + there, None, cv2.INTER_LINEAR, borderValue=(1e3, 1e3))
    valid = np.linalg.norm(there + returned, axis=-1) < NO_RETURN * max(wide, high)
    return np.asarray(there, np.float32), np.asarray(valid, bool)


def stands_still(pictures: Image) -> bool:
    """Whether pictures of a camera, (P, H, W, 3), lie where those a little before them do, as far
    as that can be told.
    """
    last = len(pictures) - 1
    starts = np.unique(np.linspace(0, max(0, last - LATER), LOOKED_AT).astype(int))
    shifts = [_shift(pictures[n], pictures[min(n + LATER, last)]) for n in starts]
    told = [shift for shift in shifts if shift is not None]
    return not told or float(np.median(told)) <= STILL


def _shift(one: Image, other: Image) -> float | None:
    """By how much most of the picture moves, in shares of its longer side: what turns, grows and
    shifts alike, by RANSAC. None where nothing does.
    """
    flow, valid = flow_between(one, other)
    valid &= one.any(-1)  # a letterbox never moves
    high, wide = valid.shape
    longer = max(high, wide)
    step = max(1, longer // CELLS)
    rows, columns = np.mgrid[step // 2 : high : step, step // 2 : wide : step].reshape(2, -1)
    believed = valid[rows, columns]
    if believed.mean() < MIN_BELIEVED:
        return None
    start = np.stack([columns, rows], -1)[believed].astype(np.float32)
    end = start + flow[rows, columns][believed]
    found, alike = cv2.estimateAffinePartial2D(start, end, None, cv2.RANSAC, NEAR * longer)
    if found is None or alike.mean() < MIN_ALIKE:
        return None
    moved = start @ found[:, :2].T + found[:, 2] - start
    return float(np.linalg.norm(moved, axis=1).mean() / longer)
