"""Coordinates as classes: a distribution along x and one along y for each keypoint.

SimCC (Li et al., ECCV'22); RTMPose (Jiang et al. 2023) has this head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from engines.decoders.crop_decoder import CropDecoder, CropPoints
from engines.decoders.decoder import NeededArray
from engines.types.arrays import Arrays, Floats
from engines.types.errors import CardError


@dataclass(frozen=True, slots=True)
class SimCC:
    """x (K, split x width) and y (K, split x height): how likely each place is.

    split: bins a pixel. score: of a keypoint from the maxima of both, the lower one (as mmpose has
    it) or their mean (as rtmlib has it). subbin: whether the place between bins is read from the
    neighbours of the maximum (the vertex of a parabola); RTMPose's own code takes the bin.
    """

    split: float = 2.0
    score: Literal["min", "mean"] = "min"
    subbin: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.split <= 64:
            raise CardError(f"split must be above 0 and at most 64, not {self.split}.")

    def outputs(self, keypoints: int, size: tuple[int, int]) -> dict[str, NeededArray]:
        """A row of bins a keypoint and axis."""
        wide, high = (round(side * self.split) for side in size)
        return {"x": NeededArray((keypoints, wide)), "y": NeededArray((keypoints, high))}

    def points(self, arrays: Arrays, size: tuple[int, int]) -> CropPoints:
        """The keypoints of N crops of this (width, height)."""
        places, sure = [], []
        for bins in (arrays["x"], arrays["y"]):
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


class SimCCDecoder(CropDecoder):
    """RTMPose's person."""

    kind: ClassVar[str] = "simcc"
    head: ClassVar[type] = SimCC
