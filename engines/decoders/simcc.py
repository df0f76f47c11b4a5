"""Coordinates as classes: a distribution along x and one along y for each keypoint.

SimCC (Li et al., ECCV'22); RTMPose (Jiang et al. 2023) has this head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from engines.types.arrays import Floats
from engines.types.errors import CardError


@dataclass(frozen=True, slots=True)
class SimCC:
    """x (N, K, split x width) and y (N, K, split x height): how likely each place is.

    split: bins a pixel. score: of a keypoint from the maxima of both, the lower one (as mmpose has
    it) or their mean (as rtmlib has it). subbin: whether the place between bins is read from the
    neighbours of the maximum (the vertex of a parabola); RTMPose's own code takes the bin.
    """

    outputs: ClassVar[tuple[str, ...]] = ("x", "y")
    split: float = 2.0
    score: Literal["min", "mean"] = "min"
    subbin: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.split <= 64:
            raise CardError(f"split must be above 0 and at most 64, not {self.split}.")

    def points(
        self, arrays: Mapping[str, Floats], size: tuple[int, int], count: int
    ) -> tuple[Floats, Floats]:
        """Keypoints of N crops of this (width, height), `count` each: crop pixels, confidence."""
        places, sure = [], []
        for name, length in zip(self.outputs, size, strict=True):
            bins = arrays[name]
            if bins.ndim != 3 or bins.shape[1:] != (count, round(length * self.split)):
                raise CardError(
                    f"{name} has shape {bins.shape[1:]}, not {count} keypoints by "
                    f"{round(length * self.split)} bins for {length} pixels."
                )
            place = bins.argmax(axis=-1)
            sure.append(np.take_along_axis(bins, place[..., None], axis=-1)[..., 0])
            exact = place.astype(np.float32)
            places.append(exact + _vertex(bins, place) if self.subbin else exact)
        xy = (np.stack(places, axis=-1) / self.split).astype(np.float32)
        score = np.minimum(*sure) if self.score == "min" else (sure[0] + sure[1]) / 2
        return xy, np.clip(score, 0, 1).astype(np.float32)


def _vertex(bins: Floats, place: np.ndarray) -> Floats:
    """-0.5..0.5 bins from the maximum to the vertex through it and its neighbours."""
    last = bins.shape[-1] - 1
    at = np.clip(place, 1, last - 1)[..., None] + np.array([-1, 0, 1])
    low, mid, high = np.moveaxis(np.take_along_axis(bins, at, axis=-1), -1, 0)
    bend = 2 * mid - low - high
    shift = (high - low) / (2 * np.maximum(bend, 1e-9))
    inside = (place > 0) & (place < last) & (bend > 0)
    return np.where(inside, np.clip(shift, -0.5, 0.5), 0).astype(np.float32)
