"""Heads that say outright where the keypoints of a crop are: MoveNet's single person, BlazePose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from engines.decoders.crop_decoder import CropDecoder, CropPoints
from engines.decoders.decoder import NeededArray
from engines.types.arrays import Arrays


@dataclass(frozen=True, slots=True)
class Regression:
    """(1, K, 3): two coordinates as shares of the crop's sides, and a confidence.

    order: which coordinate comes first.
    """

    order: Literal["yx", "xy"] = "yx"

    def outputs(self, keypoints: int, size: tuple[int, int]) -> dict[str, NeededArray]:
        """One person's keypoints."""
        return {"points": NeededArray((1, keypoints, 3))}

    def points(self, arrays: Arrays, size: tuple[int, int]) -> CropPoints:
        """The keypoints of N crops of this (width, height)."""
        raw = arrays["points"][:, 0]
        share = raw[..., 1::-1] if self.order == "yx" else raw[..., :2]
        xy = share * np.array(size, np.float32) - np.float32(0.5)
        return xy, np.clip(raw[..., 2], 0, 1)


@dataclass(frozen=True, slots=True)
class BlazePose:
    """Points (5 K or more): x, y, z in crop pixels, logits of visibility and presence; and a flag
    (1), 0..1, whether there is somebody (BlazePose, Bazarevsky et al. 2020).

    A keypoint's confidence is how visible it is, in a person who is there.
    flag: below it nobody is there. What follows the K keypoints (auxiliary ones) is left out.
    """

    flag: float = 0.5

    def outputs(self, keypoints: int, size: tuple[int, int]) -> dict[str, NeededArray]:
        """Five values a keypoint, and one a person."""
        return {"points": NeededArray((5 * keypoints,), least=True), "flag": NeededArray((1,))}

    def points(self, arrays: Arrays, size: tuple[int, int]) -> CropPoints:
        """The keypoints of N crops of this (width, height)."""
        raw = arrays["points"]
        raw = raw[:, : raw.shape[1] // 5 * 5].reshape(len(raw), -1, 5)
        there = arrays["flag"]
        visible = 1 / (1 + np.exp(-np.clip(raw[..., 3], -50, 50)))
        score = np.where(there >= self.flag, visible * np.clip(there, 0, 1), 0)
        return raw[..., :2] - np.float32(0.5), score.astype(np.float32)


class RegressionDecoder(CropDecoder):
    """MoveNet's single person."""

    kind: ClassVar[str] = "regression"
    head: ClassVar[type] = Regression


class BlazePoseDecoder(CropDecoder):
    """MediaPipe's person."""

    kind: ClassVar[str] = "blazepose"
    head: ClassVar[type] = BlazePose
