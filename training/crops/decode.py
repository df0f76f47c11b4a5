"""Heat maps of a crop as keypoints."""

from __future__ import annotations

import numpy as np

from engines.networks.cropnet import STRIDE
from engines.types.arrays import Floats


def decode(maps: Floats) -> tuple[Floats, Floats]:
    """(N, K, h, w) heat maps to (N, K, 2) pixels of the crop and (N, K) scores.

    The highest cell, moved to the top of the parabola through the logarithms of its neighbours:
    exact for a Gaussian.
    """
    count, keypoints, high, wide = maps.shape
    best = maps.reshape(count, keypoints, -1).argmax(2)
    y, x = np.divmod(best, wide)
    n, k = np.indices(best.shape)
    logs = np.log(np.maximum(maps, 1e-9))

    def offset(before: Floats, here: Floats, after: Floats) -> Floats:
        bend = before - 2 * here + after
        moved = np.where(bend < -1e-6, (before - after) / (2 * np.minimum(bend, -1e-6)), 0)
        return np.asarray(moved.clip(-0.5, 0.5), np.float32)

    left, right = np.maximum(x - 1, 0), np.minimum(x + 1, wide - 1)
    above, below = np.maximum(y - 1, 0), np.minimum(y + 1, high - 1)
    here = logs[n, k, y, x]
    dx = np.where(
        (x > 0) & (x < wide - 1), offset(logs[n, k, y, left], here, logs[n, k, y, right]), 0
    )
    dy = np.where(
        (y > 0) & (y < high - 1), offset(logs[n, k, above, x], here, logs[n, k, below, x]), 0
    )
    xy = np.stack([x + dx, y + dy], 2).astype(np.float32)
    return (xy + 0.5) * STRIDE - 0.5, maps[n, k, y, x].clip(0, 1).astype(np.float32)
