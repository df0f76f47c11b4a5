"""Where to crop: from keypoints of people to the boxes that a crop network looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.crops.affine import Crops
from engines.types.arrays import Floats
from engines.types.errors import CardError
from engines.types.skeleton import Skeleton
from engines.types.skeleton_conversion import origins_of

MIN_CROP_PX = 8.0  # height of a crop: a smaller one shows nothing that a network knows
MAX_BOX_PX = 1e5  # what is larger comes of keypoints gone astray
MIN_KEYPOINTS = 2  # that a box needs


@dataclass(frozen=True, slots=True)
class CascadeRule:
    """How a card wants each keypoint looked at again, in a crop around it.

    cards: of the networks of each stage, beside this card. side: of these crops, in diameters of
    the pose.
    """

    cards: tuple[str, ...]
    side: float = 1.0

    def __post_init__(self) -> None:
        if not self.cards or not 0.1 <= self.side <= 5:
            raise CardError("cascade needs cards, and a side from 0.1 to 5 diameters of the pose.")


@dataclass(frozen=True, slots=True)
class CropRule:
    """How a card wants its crops.

    padding: sides of the crop for one of the box around the keypoints, widened to the network's
        aspect. border: grey value beyond the picture's edge. axis: names of two keypoints (or of
        `neck`, `mid_hip`, the middles of shoulders and hips); the crop is turned so that the way
        from the first to the second points up. Empty = crops are upright.
    """

    padding: float = 1.25
    border: int = 0
    axis: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0.5 <= self.padding <= 5:
            raise CardError(f"crop padding must be from 0.5 to 5, not {self.padding}.")
        if not 0 <= self.border <= 255:
            raise CardError(f"crop border must be a grey value, 0 to 255, not {self.border}.")
        if len(self.axis) not in (0, 2):
            raise CardError("crop axis must be two names of keypoints, or be left out.")

    def crops(
        self, xy: Floats, skeleton: Skeleton, size: tuple[int, int]
    ) -> tuple[Crops, NDArray[np.bool_]]:
        """Crops around people, and whether there is one.

        xy: (P, K, 2) picture pixels, NaN = not found. size: (width, height) of the network.
        Returns P crops and (P,) whether the person has enough keypoints, and a finite box, to be
        looked at; crops of others are meaningless.
        """
        xy = np.where(np.isfinite(xy), xy, np.float32(np.nan))
        angle = self._angles(xy, skeleton)
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        # Into axes of the crop: its x points along (cos, sin) of the picture.
        x, y = xy[..., 0], xy[..., 1]
        along = np.stack([x * cos + y * sin, y * cos - x * sin], axis=-1)
        found = ~np.isnan(along[..., 0])
        low = np.where(found[..., None], along, np.inf).min(axis=1, initial=np.inf)
        high = np.where(found[..., None], along, -np.inf).max(axis=1, initial=-np.inf)
        side = high - low
        fits: NDArray[np.bool_] = (side <= MAX_BOX_PX).all(axis=-1)
        ok: NDArray[np.bool_] = (found.sum(axis=1) >= MIN_KEYPOINTS) & fits
        low, side = np.where(ok[:, None], low, 0), np.where(ok[:, None], side, 0)
        middle = low + side / 2
        aspect = size[0] / size[1]
        tall = np.maximum(np.maximum(side[:, 1], side[:, 0] / aspect) * self.padding, MIN_CROP_PX)
        centre = np.stack(
            [
                middle[:, 0] * cos[:, 0] - middle[:, 1] * sin[:, 0],
                middle[:, 0] * sin[:, 0] + middle[:, 1] * cos[:, 0],
            ],
            axis=-1,
        )
        extent = np.stack([tall * aspect, tall], axis=-1)
        return Crops(centre.astype(np.float32), extent.astype(np.float32), angle, size), ok

    def _angles(self, xy: Floats, skeleton: Skeleton) -> Floats:
        """(P,) how far the body leans clockwise, in radians; 0 where its axis is not seen."""
        upright = np.zeros(len(xy), np.float32)
        if not self.axis:
            return upright
        foot, head = (origins_of(name, skeleton) for name in self.axis)
        if not foot or not head:
            return upright
        up = xy[:, head].mean(axis=1) - xy[:, foot].mean(axis=1)
        lean = np.arctan2(up[:, 0], -up[:, 1])
        return np.where(np.isfinite(lean), lean, 0).astype(np.float32)
