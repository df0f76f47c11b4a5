"""Line integrals of Part Affinity Fields: which keypoints belong together.

OpenPose, CVPR'17, section 2.3, equation 10.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.poses import Floats

Ints = NDArray[np.intp]


def score_limbs(
    fields: Floats,
    peaks: Floats,
    limbs: Sequence[tuple[int, int]],
    channels: Sequence[tuple[int, int]],
    samples: int = 10,
    sample_threshold: float = 0.05,
    least_above: float = 0.95,
) -> Floats:
    """Score every pair of peaks that a limb may join.

    fields: (C, H, W) affinity maps; channels: their x and y channel for each limb.
    peaks: (M, 4) as find_peaks returns them, sorted by keypoint type, in map pixels.
    Returns (Q, 4) [limb, first peak, second peak, score]: pairs where at least the share
    `least_above` of the samples along the line exceeds `sample_threshold`, scored with the mean
    of those samples.
    """
    limb, first, second = _all_pairs(peaks, limbs)
    allowed = samples - int(np.ceil(least_above * samples - 1e-6))
    x_channel, y_channel = np.array(channels, np.intp).T
    # A pair with more misses than allowed is out whatever follows. The middle of the line tells
    # most wrong pairs, so the full integral is taken for the few that survive it.
    order = np.argsort(np.abs(np.arange(samples) - (samples - 1) / 2), kind="stable")
    middle = np.sort(order[: allowed + 1])
    score = np.zeros(len(limb), np.float32)
    for which in (middle, np.arange(samples)):
        start, end = peaks[first, 1:3], peaks[second, 1:3]
        values = _along(fields, start, end, x_channel[limb], y_channel[limb], which, samples)
        above = values > sample_threshold
        count = above.sum(axis=1)
        keep = count >= len(which) - allowed
        score = ((values * above).sum(axis=1) / np.maximum(count, 1))[keep]
        limb, first, second = limb[keep], first[keep], second[keep]
    return np.stack([limb, first, second, score], axis=1).astype(np.float32)


def _all_pairs(peaks: Floats, limbs: Sequence[tuple[int, int]]) -> tuple[Ints, Ints, Ints]:
    """Limb, first and second peak of every possible connection."""
    kinds = max(max(limb) for limb in limbs) + 1
    bounds = np.searchsorted(peaks[:, 0], np.arange(kinds + 1))
    ends = np.array(limbs, np.intp)
    starts, sizes = bounds[:-1], np.diff(bounds)
    pairs = sizes[ends[:, 0]] * sizes[ends[:, 1]]
    limb = np.repeat(np.arange(len(limbs)), pairs)
    within = np.arange(len(limb)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    row, column = np.divmod(within, sizes[ends[limb, 1]])
    return limb, starts[ends[limb, 0]] + row, starts[ends[limb, 1]] + column


def _along(
    fields: Floats,
    start: Floats,
    end: Floats,
    x_channel: Ints,
    y_channel: Ints,
    which: Ints,
    samples: int,
) -> Floats:
    """(Q, len(which)) bilinear samples of the field, dotted with the line's direction."""
    _, high, wide = fields.shape
    along = end - start
    length = np.linalg.norm(along, axis=1, keepdims=True)
    direction = along / np.maximum(length, 1e-6)
    share = (which / max(samples - 1, 1)).astype(np.float32)
    x = np.clip(start[:, :1] + along[:, :1] * share, 0, wide - 1)
    y = np.clip(start[:, 1:] + along[:, 1:] * share, 0, high - 1)
    left = np.minimum(x.astype(np.intp), max(wide - 2, 0))
    top = np.minimum(y.astype(np.intp), max(high - 2, 0))
    fx, fy = x - left, y - top
    corner = top * wide + left
    right, below = int(wide > 1), wide * int(high > 1)
    weights = ((1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy)
    flat = fields.reshape(-1)
    out = np.zeros(x.shape, np.float32)
    for axis, channel in enumerate((x_channel, y_channel)):
        base = corner + (channel * (high * wide))[:, None]
        value = np.zeros(x.shape, np.float32)
        for step, weight in zip((0, right, below, right + below), weights, strict=True):
            value += flat.take(base + step) * weight
        out += value * direction[:, axis : axis + 1]
    return out
