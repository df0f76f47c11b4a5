"""Peaks of confidence maps: where keypoints may be.

Non-maximum suppression on the maps as the network gives them, at stride 8, with the sub-pixel
position from the shape of the peak itself: enlarging the maps first, as OpenPose does (CVPR'17,
section 2.2), costs ten times as much and finds the same peaks.
"""

from __future__ import annotations

import numpy as np

from engines.poses import Floats

TINY = np.float32(1e-3)


def find_peaks(maps: Floats, threshold: float, most: int = 127) -> Floats:
    """Local maxima of (K, H, W) confidence maps.

    Returns (M, 4) [keypoint type, x, y, score] in map pixels, sorted by type; of more than `most`
    peaks of a type the strongest are kept. A plateau of equal values is one peak.
    """
    count, high, wide = maps.shape
    padded = np.full((count, high + 2, wide + 2), -np.inf, np.float32)
    padded[:, 1:-1, 1:-1] = maps
    centre = padded[:, 1:-1, 1:-1]
    left, right = padded[:, :, :-2], padded[:, :, 2:]
    row = np.maximum(np.maximum(left, right), padded[:, :, 1:-1])
    # Ties are common in bf16 and INT8 maps: the first of equal neighbours wins.
    before = np.maximum(row[:, :-2], left[:, 1:-1])
    after = np.maximum(row[:, 2:], right[:, 1:-1])
    found = (centre > threshold) & (centre > before) & (centre >= after)
    kind, y, x = np.nonzero(found)
    score = maps[kind, y, x]
    if len(kind) and np.bincount(kind).max() > most:
        keep = _strongest(kind, score, most)
        kind, y, x, score = kind[keep], y[keep], x[keep], score[keep]
    dx = _offset(padded[kind, y + 1, x], score, padded[kind, y + 1, x + 2])
    dy = _offset(padded[kind, y, x + 1], score, padded[kind, y + 2, x + 1])
    return np.stack([kind, x + dx, y + dy, score], axis=1).astype(np.float32)


def _offset(before: Floats, centre: Floats, after: Floats) -> Floats:
    """Vertex of the parabola through the logarithms of three neighbours: exact for a Gaussian."""
    low, mid, high = (np.log(np.maximum(value, TINY)) for value in (before, centre, after))
    bend = 2 * mid - low - high
    shift = (high - low) / (2 * np.maximum(bend, TINY))
    return np.clip(shift, -0.5, 0.5).astype(np.float32)


def _strongest(kind: np.ndarray, score: Floats, most: int) -> np.ndarray:
    """Indices of the `most` best of every kind, in the order given."""
    order = np.lexsort((-score, kind))
    starts = np.searchsorted(kind[order], kind[order], side="left")
    return np.sort(order[np.arange(len(order)) - starts < most])
