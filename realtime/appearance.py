"""What tells people apart beside where they are: the colours they wear and how long they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.poses import Floats, Image
from engines.skeleton import Skeleton

BINS = 8  # of each channel
STEPS = (np.arange(6) + 0.5) / 6  # across and along a garment
FEWEST = 12  # pixels that a garment needs within the picture
BONE = 0.25  # standard deviation of the logarithm of a bone's length between frames
GARMENTS = (
    ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    ("left_hip", "right_hip", "left_knee", "right_knee"),
)


def clothing(image: Image, xy: Floats, skeleton: Skeleton) -> Floats:
    """(P, 2, 24) shares of blue, green and red of shirt and trousers; NaN where not to be seen.

    xy: (P, K, 2) Sampled on a grid between shoulders and hips, and hips and knees; each sample is
    shared between the two bins next to it.
    """
    people = len(xy)
    out = np.full((people, len(GARMENTS), 3 * BINS), np.nan, np.float32)
    names = skeleton.keypoints
    if not people or any(name not in names for garment in GARMENTS for name in garment):
        return out
    corners = xy[:, [[names.index(name) for name in garment] for garment in GARMENTS]]
    u, v = (grid.reshape(-1, 1) for grid in np.meshgrid(STEPS, STEPS))
    a, b, c, d = (corners[:, :, n, None] for n in range(4))
    at = ((1 - u) * a + u * b) * (1 - v) + ((1 - u) * c + u * d) * v  # (P, 2, S, 2)
    high, wide = image.shape[:2]
    with np.errstate(invalid="ignore"):
        inside = ((at >= 0) & (at <= (wide - 1, high - 1))).all(axis=-1)
    x, y = np.moveaxis(np.where(inside[..., None], at, 0).astype(np.intp), -1, 0)
    level = image[y, x].astype(np.float32) / 256 * (BINS - 1)  # (P, 2, S, 3)
    low = level.astype(np.intp)
    share = level - low
    garment = np.arange(people * len(GARMENTS)).reshape(people, -1, 1, 1)
    place = (garment * 3 + np.arange(3)) * BINS + low
    weight = inside[..., None] * np.ones(3)
    size = out.size
    counts = np.bincount(place.ravel(), (weight * (1 - share)).ravel(), size + 1)
    counts += np.bincount(place.ravel() + 1, (weight * share).ravel(), size + 1)
    counts = counts[:size].reshape(out.shape)
    seen = inside.sum(axis=-1)
    enough = seen >= FEWEST
    out[enough] = (counts[enough] / seen[enough][:, None]).astype(np.float32)
    return out


def colours_alike(one: Floats, other: Floats) -> Floats:
    """(N, 2, C) and (P, 2, C) clothing -> (N, P) 0..1 (Bhattacharyya); NaN where nothing tells."""
    roots = np.sqrt(one)[:, None], np.sqrt(other)[None]
    alike = (roots[0] * roots[1]).sum(axis=-1) / 3
    return _mean(alike)


def bones(xy: Floats, skeleton: Skeleton) -> Floats:
    """(P, K, 2) poses -> (P, L) logarithms of the lengths of limbs; NaN where unknown."""
    start, end = np.array(skeleton.drawn, int).reshape(-1, 2).T
    length = np.linalg.norm(xy[:, start] - xy[:, end], axis=-1)
    logs: Floats = np.log(np.fmax(length, 1)).astype(np.float32)
    return np.where(np.isnan(length), np.nan, logs)


def bones_alike(one: Floats, other: Floats) -> Floats:
    """(N, L) and (P, L) bones -> (N, P) 0..1; NaN where they have none in common."""
    return _mean(np.exp(-((one[:, None] - other[None]) ** 2) / (2 * BONE**2)))


def blend(old: Floats, new: Floats, rate: float) -> Floats:
    """The old values drawn towards the new ones; whichever is known where the other is not."""
    mixed = old + rate * (new - old)
    return np.where(np.isnan(new), old, np.where(np.isnan(old), new, mixed)).astype(np.float32)


def _mean(values: Floats) -> Floats:
    """Over the last axis, of what is known."""
    known: NDArray[np.bool_] = ~np.isnan(values)
    count = known.sum(axis=-1)
    mean = np.where(known, values, 0).sum(axis=-1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan).astype(np.float32)
