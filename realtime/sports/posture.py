"""Where the parts of a body are, as far as movements need it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from realtime.types.errors import SettingsError

SIDES = ("left", "right")
NEEDED = ("hip", "knee", "ankle")
FOOT = ("big_toe", "heel", "ankle")  # the toes leave the floor last


@dataclass(frozen=True, slots=True)
class Parts:
    """The keypoints of a skeleton by what they are, left and right; None = it has none such."""

    hip: tuple[int, int]
    knee: tuple[int, int]
    ankle: tuple[int, int]
    shoulder: tuple[int, int] | None
    elbow: tuple[int, int] | None
    wrist: tuple[int, int] | None
    big_toe: tuple[int, int] | None
    heel: tuple[int, int] | None

    @classmethod
    @cache
    def of(cls, skeleton: Skeleton) -> Self:
        """SettingsError where a skeleton has no legs."""
        found: dict[str, tuple[int, int] | None] = {}
        for part in cls.__dataclass_fields__:
            names = [f"{side}_{part}" for side in SIDES]
            here = all(name in skeleton.keypoints for name in names)
            left, right = (skeleton.keypoints.index(name) if here else 0 for name in names)
            found[part] = (left, right) if here else None
        if any(found[part] is None for part in NEEDED):
            raise SettingsError(
                "--events and --report need hips, knees and ankles, which the skeleton "
                f"{skeleton.name} does not have; choose a model of whole people."
            )
        return cls(**found)  # type: ignore[arg-type]


def places(points: Doubles, pair: tuple[int, int] | None) -> Doubles:
    """(2, D) of a pair of keypoints, NaN where there is none."""
    if pair is None:
        return np.full((2, points.shape[1]), np.nan)
    return points[list(pair)]


def middle(pair: Doubles) -> Doubles:
    """(D,) of (2, D): between both, or the one that is known, else NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of nothing but NaN
        return np.asarray(np.nanmean(pair, axis=0))


def bend(one: Doubles, joint: Doubles, other: Doubles) -> Doubles:
    """(...,) degrees between the limbs that meet in a joint, 180 = straight, of (..., D) places."""
    a, b = one - joint, other - joint
    size = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.where(size > 0, (a * b).sum(axis=-1) / size, np.nan)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))), float)


def without_spikes(before: Doubles, now: Doubles, after: Doubles, reach: float) -> Doubles:
    """(K, D) of the middle of three frames, NaN where a keypoint is away from both others by more
    than `reach`, which are near each other: it was somebody else's, or nobody's.
    """
    away = np.minimum(np.linalg.norm(now - before, axis=1), np.linalg.norm(now - after, axis=1))
    near = np.linalg.norm(after - before, axis=1)
    spike = (away > reach) & (near < 0.5 * away)
    return np.where(spike[:, None], np.nan, now)
