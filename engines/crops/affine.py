"""Picture pixels <-> crop pixels: boxes of any size and turn, cut to one network's input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles, Floats, Image
from engines.types.poses import check_shape


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """N boxes of a picture, each the whole input of a crop network.

    centre: (N, 2) picture pixels. extent: (N, 2) width and height in picture pixels. angle: (N,)
    radians by which the box is turned clockwise, as the picture is seen. size: (width, height) of
    the network's input. Coordinates are those of pixel centres, in picture and crop alike.
    """

    centre: Floats
    extent: Floats
    angle: Floats
    size: tuple[int, int]

    def __post_init__(self) -> None:
        check_shape("Crops", "centre", self.centre, None, 2)
        check_shape("Crops", "extent", self.extent, len(self.centre), 2)
        check_shape("Crops", "angle", self.angle, len(self.centre))

    def __len__(self) -> int:
        return len(self.centre)

    def some(self, which: NDArray[np.int_] | NDArray[np.bool_]) -> Self:
        """The crops in these rows."""
        centre, extent, angle = self.centre[which], self.extent[which], self.angle[which]
        return replace(self, centre=centre, extent=extent, angle=angle)

    def matrices(self) -> Doubles:
        """(N, 2, 3) affine maps from crop pixels to picture pixels."""
        scale = self.extent.astype(np.float64) / self.size
        cos, sin = np.cos(self.angle.astype(np.float64)), np.sin(self.angle.astype(np.float64))
        out = np.empty((len(self), 2, 3))
        out[:, 0, 0], out[:, 0, 1] = cos * scale[:, 0], -sin * scale[:, 1]
        out[:, 1, 0], out[:, 1, 1] = sin * scale[:, 0], cos * scale[:, 1]
        middle = (np.array(self.size, np.float64) - 1) / 2
        out[:, :, 2] = self.centre - out[:, :, :2] @ middle
        return out

    def to_picture(self, xy: Floats) -> Floats:
        """(N, K, 2) crop pixels -> picture pixels."""
        maps = self.matrices()
        placed = xy @ maps[:, :, :2].transpose(0, 2, 1) + maps[:, None, :, 2]
        return np.asarray(placed, np.float32)

    def to_crop(self, xy: Floats) -> Floats:
        """(N, K, 2) picture pixels -> crop pixels."""
        maps = self.matrices()
        inverse = np.linalg.inv(maps[:, :, :2])
        placed = (xy - maps[:, None, :, 2]) @ inverse.transpose(0, 2, 1)
        return np.asarray(placed, np.float32)

    def cut_into(self, out: Image, image: Image, border: int | None = 0) -> None:
        """What the N boxes show, bilinear, into (N, height, width, 3) uint8.

        border: grey value beyond the picture's edge; None = the edge's own pixels, again and again.
        """
        mode = cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT
        for one, matrix in zip(out, self.matrices(), strict=True):
            cv2.warpAffine(
                image,
                matrix,
                self.size,
                dst=one,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=mode,
                borderValue=[border or 0] * 3,
            )


def cut(images: Sequence[Image], crops: Sequence[Crops], border: int | None = 0) -> Image:
    """One batch over all people of all pictures: (N, height, width, 3) uint8, in their order.

    images, crops: one a camera, of one network. border: as `Crops.cut_into` has it.
    """
    wide, high = crops[0].size
    out = np.empty((sum(map(len, crops)), high, wide, 3), np.uint8)
    begin = 0
    for image, boxes in zip(images, crops, strict=True):
        boxes.cut_into(out[begin : begin + len(boxes)], image, border)
        begin += len(boxes)
    return out
