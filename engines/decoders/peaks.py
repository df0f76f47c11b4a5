"""Peaks of confidence maps: where keypoints may be.

Non-maximum suppression on the maps as the network gives them, at stride 8, with the sub-pixel
position from the shape of the peak itself: enlarging the maps first, as OpenPose does (CVPR'17,
section 2.2), costs ten times as much and finds the same peaks.
"""

from __future__ import annotations

import numpy as np

from engines.types.arrays import Floats

LOG_FLOOR = np.float32(1e-3)


def find_peaks(maps: Floats, threshold: float, most: int = 127) -> Floats:
    """Local maxima of (K, H, W) confidence maps.

    Returns (M, 4) [keypoint type, x, y, score] in map pixels, sorted by type; of more than `most`
    peaks of a type the strongest are kept. A plateau of equal values is one peak.
    """
    count, high, wide = maps.shape
    step = wide + 2
    padded = np.full((count, high + 2, step), -np.inf, np.float32)
    padded[:, 1:-1, 1:-1] = maps
    flat = padded.reshape(-1)
    # Few cells exceed the threshold, and each comparison leaves fewer: these alone are looked at.
    at = np.flatnonzero(flat > threshold)
    score = flat[at]
    for shift in (-1, 1, -step, step, -step - 1, -step + 1, step - 1, step + 1):
        other = flat[at + shift]
        # Ties are common in bf16 and INT8 maps: the first of equal neighbours wins.
        keep = score > other if shift < 0 else score >= other
        at, score = at[keep], score[keep]
    kind, cell = np.divmod(at, (high + 2) * step)
    if len(kind) and np.bincount(kind).max() > most:
        best = _strongest(kind, score, most)
        at, score, kind, cell = at[best], score[best], kind[best], cell[best]
    y, x = np.divmod(cell, step)
    dx = _offset(flat[at - 1], score, flat[at + 1])
    dy = _offset(flat[at - step], score, flat[at + step])
    return np.stack([kind, x - 1 + dx, y - 1 + dy, score], axis=1).astype(np.float32)


def _offset(before: Floats, centre: Floats, after: Floats) -> Floats:
    """Vertex of the parabola through the logarithms of three neighbours: exact for a Gaussian."""
    low, mid, high = np.log(np.maximum([before, centre, after], LOG_FLOOR))
    bend = 2 * mid - low - high
    shift: Floats = (high - low) / (
        2 * np.maximum(bend, LOG_FLOOR)
    )  # at most half a cell: mid is most
    return shift


def _strongest(kind: np.ndarray, score: Floats, most: int) -> np.ndarray:
    """Indices of the `most` best of every kind, in the order given."""
    order = np.lexsort((-score, kind))
    starts = np.searchsorted(kind[order], kind[order], side="left")
    return np.sort(order[np.arange(len(order)) - starts < most])
