"""Heads that say outright where the keypoints of a crop are: MoveNet's single person, BlazePose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from engines.types.arrays import Floats
from engines.types.errors import CardError

CropPoints = tuple[Floats, Floats]  # (N, K, 2) crop pixels, (N, K) confidence 0..1


@dataclass(frozen=True, slots=True)
class Regression:
    """(N, ..., K, 3): two coordinates as shares of the crop's sides, and a confidence.

    order: which coordinate comes first.
    """

    outputs: ClassVar[tuple[str, ...]] = ("points",)
    order: Literal["yx", "xy"] = "yx"

    def points(self, arrays: Mapping[str, Floats], size: tuple[int, int], count: int) -> CropPoints:
        """Keypoints of N crops of this (width, height), `count` each."""
        raw = arrays["points"]
        if raw.size != len(raw) * count * 3:
            raise CardError(f"points has shape {raw.shape}, which is not {count} triples a crop.")
        raw = raw.reshape(len(raw), count, 3)
        share = raw[..., 1::-1] if self.order == "yx" else raw[..., :2]
        xy = share * np.array(size, np.float32) - np.float32(0.5)
        return xy, np.clip(raw[..., 2], 0, 1)


@dataclass(frozen=True, slots=True)
class BlazePose:
    """Points (N, >= 5 K): x, y, z in crop pixels, logits of visibility and presence; and a flag
    (N, 1), 0..1, whether there is somebody (BlazePose, Bazarevsky et al. 2020).

    A keypoint's confidence is how visible it is, in a person who is there.
    flag: below it nobody is there. What follows the K keypoints (auxiliary ones) is left out.
    """

    outputs: ClassVar[tuple[str, ...]] = ("points", "flag")
    flag: float = 0.5

    def points(self, arrays: Mapping[str, Floats], size: tuple[int, int], count: int) -> CropPoints:
        """Keypoints of N crops of this (width, height), `count` each."""
        raw = arrays["points"].reshape(len(arrays["points"]), -1)
        if raw.shape[1] % 5 or raw.shape[1] < 5 * count:
            raise CardError(f"points has {raw.shape[1]} values a crop, not five for each keypoint.")
        raw = raw.reshape(len(raw), -1, 5)[:, :count]
        there = arrays["flag"].reshape(len(raw), -1)[:, :1]
        visible = 1 / (1 + np.exp(-np.clip(raw[..., 3], -50, 50)))
        score = np.where(there >= self.flag, visible * np.clip(there, 0, 1), 0)
        return raw[..., :2] - np.float32(0.5), score.astype(np.float32)
