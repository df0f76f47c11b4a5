"""What tells people apart beside where they are: the colours they wear and how long they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats, Image
from engines.types.skeleton import Skeleton

COLOUR_BINS = 8  # of each channel
SAMPLE_POSITIONS = (np.arange(8) + 0.5) / 8  # along a line of a garment, 0..1
BONE_LOG_STD = 0.25  # of the logarithm of a bone's length between frames
SHIRT_LINES = (
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("neck", "left_hip"),
    ("neck", "right_hip"),
    ("left_shoulder", "right_shoulder"),
)
TROUSERS_LINES = (
    ("left_hip", "left_knee"),
    ("right_hip", "right_knee"),
    ("left_knee", "left_ankle"),
    ("right_knee", "right_ankle"),
)


class Clothing:
    """Looks at the colours of shirts and trousers along lines between keypoints."""

    def __init__(self, skeleton: Skeleton) -> None:
        names = skeleton.keypoints
        garments = [
            [(names.index(a), names.index(b)) for a, b in lines if a in names and b in names]
            for lines in (SHIRT_LINES, TROUSERS_LINES)
        ]
        lines = [line for garment in garments for line in garment]
        self._ends = np.array(lines, np.intp).reshape(-1, 2)
        self._garment = np.repeat(np.arange(len(garments)), [len(lines) for lines in garments])
        self._garments = len(garments)

    def colours(self, image: Image, xy: Floats) -> Floats:
        """(P, K, 2) poses -> (P, 2, 24) shares of blue, green and red; NaN where not to be seen.

        Each pixel is shared between the two bins next to it.
        """
        people, lines = len(xy), len(self._ends)
        out = np.full((people, self._garments, 3 * COLOUR_BINS), np.nan, np.float32)
        if not people or not lines:
            return out
        start, end = (xy[:, ends, None] for ends in self._ends.T)
        at = start + (end - start) * SAMPLE_POSITIONS[:, None]  # (P, lines, S, 2)
        high, wide = image.shape[:2]
        inside = np.all((at >= 0) & (at <= (wide - 1, high - 1)), axis=-1)  # False for NaN
        x, y = np.moveaxis(np.where(inside[..., None], at, 0).astype(np.intp), -1, 0)
        # (P, lines, S, 3)
        level = image[y, x].astype(np.float32) * np.float32((COLOUR_BINS - 1) / 256)
        low = level.astype(np.intp)
        share = level - low
        garment = np.arange(people)[:, None] * self._garments + self._garment
        place = (garment[..., None, None] * 3 + np.arange(3)) * COLOUR_BINS + low
        weight = np.broadcast_to(inside[..., None], share.shape)
        counts = np.bincount(place.ravel(), (weight * (1 - share)).ravel(), out.size + 1)
        counts += np.bincount(place.ravel() + 1, (weight * share).ravel(), out.size + 1)
        counts = counts[: out.size].reshape(out.shape)
        seen = counts.sum(axis=-1, keepdims=True) / 3
        found: Floats = np.where(seen > 0, counts / np.maximum(seen, 1), np.nan).astype(np.float32)
        return found


def colours_alike(one: Floats, other: Floats) -> Floats:
    """(N, 2, C) and (P, 2, C) clothing -> (N, P) 0..1 (Bhattacharyya); NaN where nothing tells."""
    roots = np.sqrt(one)[:, None], np.sqrt(other)[None]
    alike = (roots[0] * roots[1]).sum(axis=-1) / 3
    return _mean(alike)


def bones(xy: Floats, skeleton: Skeleton) -> Floats:
    """(P, K, 2) poses -> (P, L) logarithms of the lengths of the body's limbs; NaN = unknown."""
    body = set(skeleton.body)
    limbs = [limb for limb in skeleton.drawn if body.issuperset(limb)]
    start, end = np.array(limbs, int).reshape(-1, 2).T
    length = np.linalg.norm(xy[:, start] - xy[:, end], axis=-1)
    logs: Floats = np.log(np.maximum(length, 1)).astype(np.float32)  # unlike fmax it keeps NaN
    return logs


def bones_alike(one: Floats, other: Floats) -> Floats:
    """(N, L) and (P, L) bones -> (N, P) 0..1; NaN where they have none in common."""
    return _mean(np.exp(-((one[:, None] - other[None]) ** 2) / (2 * BONE_LOG_STD**2)))


def blend(old: Floats, new: Floats, rate: float | Floats) -> Floats:
    """The old values drawn towards the new ones; whichever is known where the other is not."""
    mixed = old + rate * (new - old)
    return np.where(np.isnan(new), old, np.where(np.isnan(old), new, mixed)).astype(np.float32)


def _mean(values: Floats) -> Floats:
    """Over the last axis, of what is known."""
    known: NDArray[np.bool_] = ~np.isnan(values)
    count = known.sum(axis=-1)
    mean = np.where(known, values, 0).sum(axis=-1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan).astype(np.float32)
