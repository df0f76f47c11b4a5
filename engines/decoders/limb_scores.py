"""Line integrals of Part Affinity Fields: which keypoints belong together.

OpenPose, CVPR'17, section 2.3, equation 10.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.types.arrays import Floats, Ints


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
    share, allowed = places(samples, least_above)
    xy = np.ascontiguousarray(peaks[:, 1:3].T)
    planes = np.array(channels, np.intp).T
    # A pair with more misses than allowed is out whatever follows, so the full integral is taken
    # only for the few that survive the middle of the line.
    for which in (share[: allowed + 1], share):
        ends = xy.take(first, axis=1), xy.take(second, axis=1)
        values = _along(fields, *ends, planes.take(limb, axis=1), which)
        above = values > sample_threshold
        count = above.sum(axis=0)
        keep = np.flatnonzero(count >= len(which) - allowed)
        limb, first, second = limb[keep], first[keep], second[keep]
    score = (values * above).sum(axis=0)[keep] / np.maximum(count[keep], 1)
    return np.stack([limb, first, second, score], axis=1).astype(np.float32)


def places(samples: int, least_above: float) -> tuple[Floats, int]:
    """Where to sample a line, 0 to 1, and at how many places a pair may miss the threshold.

    The middle comes first: it tells most wrong pairs.
    """
    order = np.argsort(np.abs(np.arange(samples) - (samples - 1) / 2), kind="stable")
    share = (order / max(samples - 1, 1)).astype(np.float32)
    return share, samples - int(np.ceil(least_above * samples - 1e-6))


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


def _along(fields: Floats, start: Floats, end: Floats, planes: Ints, share: Floats) -> Floats:
    """(S, Q) bilinear samples of the field along Q lines, dotted with the line's direction.

    start, end: (2, Q) x and y; planes: (2, Q) the field's channels; share: (S,) 0..1 of the line.
    Samples come first, so that numpy's inner loops run over the many pairs.
    """
    _, high, wide = fields.shape
    along = end - start
    direction = along / np.maximum(np.sqrt((along * along).sum(axis=0)), np.float32(1e-6))
    x = np.clip(start[0] + along[0] * share[:, None], 0, wide - 1)
    y = np.clip(start[1] + along[1] * share[:, None], 0, high - 1)
    left = np.minimum(x.astype(np.int32), max(wide - 2, 0))
    top = np.minimum(y.astype(np.int32), max(high - 2, 0))
    # float32 minus an integer would be float64.
    fx, fy = x - left.astype(np.float32), y - top.astype(np.float32)
    corner = (top * wide + left).astype(np.intp)
    right, below = int(wide > 1), wide * int(high > 1)
    flat = fields.reshape(-1)
    out = np.zeros(x.shape, np.float32)
    for plane, part in zip(planes, direction, strict=True):
        at = corner + plane * (high * wide)
        upper = _between(flat, at, right, fx)
        lower = _between(flat, at + below, right, fx)
        out += (upper + (lower - upper) * fy) * part
    return out


def _between(flat: Floats, at: Ints, step: int, share: Floats) -> Floats:
    here = flat.take(at)
    return here + (flat.take(at + step) - here) * share
