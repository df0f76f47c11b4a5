"""The pictures of several cameras side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np

from calibration.geometry.arrays import Image

GAP_PX = 6  # pixels
EMPTY_GREY = 40  # grey of a camera without a picture


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """One picture of all. image: (H, W, 3) BGR. boxes: x, y, width, height of each camera's part;
    scales: of its picture there, 0 where there is none.
    """

    image: Image
    boxes: list[tuple[int, int, int, int]]
    scales: list[float]

    def pane(self, n: int) -> Image:
        """A camera's part, to be drawn upon."""
        x, y, wide, high = self.boxes[n]
        return self.image[y : y + high, x : x + wide]


def side_by_side(pictures: Sequence[Image | None], room: tuple[int, int], ground: int = 0) -> Tiles:
    """As large as they fit, not enlarged, into (width, height) upon so grey a ground."""
    sizes = [(one.shape[1], one.shape[0]) for one in pictures if one is not None] or [(4, 3)]
    shape: tuple[int, int] = max(wide for wide, _ in sizes), max(high for _, high in sizes)
    count = len(pictures)

    def scale(columns: int) -> float:
        rows = ceil(count / columns)
        return min(
            1.0,
            (room[0] - (columns - 1) * GAP_PX) / (columns * shape[0]),
            (room[1] - (rows - 1) * GAP_PX) / (rows * shape[1]),
        )

    def filled(columns: int) -> float:
        """How much of the room's longer demand is used: small pictures have several ways to fit."""
        rows = ceil(count / columns)
        return max(columns * shape[0] / room[0], rows * shape[1] / room[1])

    columns = max(range(1, count + 1), key=lambda n: (scale(n), -filled(n), -n))
    rows = ceil(count / columns)
    wide, high = (max(1, int(side * scale(columns))) for side in shape)
    page = np.full(
        (rows * (high + GAP_PX) - GAP_PX, columns * (wide + GAP_PX) - GAP_PX, 3),
        ground,
        np.uint8,
    )
    boxes, scales = [], []
    for n, picture in enumerate(pictures):
        row, column = divmod(n, columns)
        x, y = column * (wide + GAP_PX), row * (high + GAP_PX)
        if picture is None:
            page[y : y + high, x : x + wide] = EMPTY_GREY
            boxes.append((x, y, wide, high))
            scales.append(0.0)
            continue
        own = min(1.0, wide / picture.shape[1], high / picture.shape[0])
        size = [max(1, round(side * own)) for side in picture.shape[1::-1]]
        x, y = x + (wide - size[0]) // 2, y + (high - size[1]) // 2
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if own < 1 else picture
        page[y : y + size[1], x : x + size[0]] = small
        boxes.append((x, y, size[0], size[1]))
        scales.append(own)
    return Tiles(page, boxes, scales)


def below(page: Image, picture: Image, rim: int) -> Image:
    """A white page with a picture added at its foot."""
    high, wide = picture.shape[:2]
    out = np.full(
        (page.shape[0] + high + rim, max(page.shape[1], wide + 2 * rim), 3), 255, np.uint8
    )
    out[: page.shape[0], : page.shape[1]] = page
    out[page.shape[0] : page.shape[0] + high, rim : rim + wide] = picture
    return out
