"""What a network is to give for labelled people, and where it is judged (CVPR'17, section 2)."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from engines.types.arrays import Floats, Mask
from engines.types.skeleton import Skeleton

STRIDE = 8  # pixels a cell
SIGMA_PX = 7.0  # of a keypoint's peak, as in OpenPose's training
LIMB_PX = 8.0  # by which a limb reaches beyond its line, to all sides


class Targets(NamedTuple):
    """(K + 1, h, w) confidence maps, the background's last, and (2L, h, w) affinity fields; and
    W(p) of each channel in the same shapes, 1 or 0.
    """

    maps: Floats
    fields: Floats
    maps_weight: Floats
    fields_weight: Floats


def draw_targets(
    points: Floats, skeleton: Skeleton, size: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Maps and fields of (P, K, 2) pixels of a (width, height) picture, NaN = nothing to draw.

    A map is the maximum of the people's peaks (section 2.2), a field the mean of the unit vectors
    of those limbs that cover a cell (section 2.3); limb l has the channels 2l (x) and 2l + 1 (y).
    """
    x, y = (np.arange(side // STRIDE) * STRIDE + (STRIDE - 1) / 2 for side in size)
    maps = np.zeros((len(skeleton.keypoints) + 1, len(y), len(x)), np.float32)
    fields = np.zeros((len(skeleton.limbs), 2, len(y), len(x)), np.float32)
    cover = np.zeros((len(skeleton.limbs), 1, len(y), len(x)), np.float32)
    for person in points.astype(float):
        across, down = (
            np.exp(-((line - person[:, [axis]]) ** 2) / (2 * SIGMA_PX**2))
            for axis, line in enumerate((x, y))
        )
        np.fmax(maps[:-1], down[:, :, None] * across[:, None], out=maps[:-1])  # passes over NaN
        for limb, (first, second) in enumerate(skeleton.limbs):
            way = person[second] - person[first]
            length = float(np.hypot(*way))
            if not length > 0:
                continue
            unit = way / length
            dx, dy = x - person[first, 0], (y - person[first, 1])[:, None]
            along, aside = dx * unit[0] + dy * unit[1], dx * unit[1] - dy * unit[0]
            on = (np.abs(aside) <= LIMB_PX) & (along >= -LIMB_PX) & (along <= length + LIMB_PX)
            fields[limb] += unit[:, None, None] * on
            cover[limb] += on
    maps[-1] = 1 - maps[:-1].max(axis=0)
    mean = np.asarray(fields / np.maximum(cover, 1), np.float32)
    return maps, mean.reshape(-1, len(y), len(x))


def make_targets(
    points: Floats, labelled: Mask, judged: Mask, skeleton: Skeleton, size: tuple[int, int]
) -> Targets:
    """labelled: (K,) keypoints that the data set labels at all: the others' maps and limbs are not
    judged. judged: (h, w) pixels, False where people are whom nobody labelled.
    """
    maps, fields = draw_targets(points, skeleton, size)
    high, wide = maps.shape[1:]
    # A cell counts where most of it does.
    share = cv2.resize(judged.astype(np.float32), (wide, high), interpolation=cv2.INTER_AREA)
    weight = (share > 0.5).astype(np.float32)
    known = np.array([*labelled, True], np.float32)
    limbs = np.array([labelled[a] and labelled[b] for a, b in skeleton.limbs], np.float32)
    return Targets(
        maps,
        fields,
        known[:, None, None] * weight,
        np.repeat(limbs, 2)[:, None, None] * weight,
    )
