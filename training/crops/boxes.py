"""Squares around people, and pixels of a photo <-> pixels of such a crop."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engines.types.arrays import Floats, Image

MARGIN = 1.25  # side of the square against the longer side of the keypoints' box


@dataclass(frozen=True, slots=True)
class Square:
    """An upright square of a photo. centre: x, y in pixels, side in pixels.

    Coordinates are those of pixel edges: a photo's first pixel reaches from 0 to 1.
    """

    centre: tuple[float, float]
    side: float

    def matrix(self, size: int) -> Floats:
        """(2, 3), pixel centres of the photo to pixel centres of a crop of size x size."""
        scale = size / self.side
        shift = [(0.5 - (one - self.side / 2)) * scale - 0.5 for one in self.centre]
        return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)


def around(xy: Floats, margin: float = MARGIN) -> Square | None:
    """The square around (K, 2) pixel centres, NaN = unknown; None where they span nothing."""
    known = xy[~np.isnan(xy[:, 0])]
    if len(known) < 2:
        return None
    low, high = known.min(0), known.max(0)
    side = float((high - low).max()) * margin
    x, y = (low + high) / 2 + 0.5
    return Square((float(x), float(y)), side) if side >= 1 else None


def cut(image: Image, matrix: Floats, size: int) -> Image:
    """(size, size, 3) of a picture, black where it ends."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    # cv2 skips pixels when it makes a picture smaller: from half size on each is the mean of four.
    while scale < 0.5 and min(image.shape[:2]) > 1:
        image = np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        half = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]], np.float64)
        matrix = (matrix.astype(np.float64) @ half).astype(np.float32)
        scale *= 2
    return np.asarray(cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR), np.uint8)


def moved(xy: Floats, matrix: Floats) -> Floats:
    """(..., 2) points through a (2, 3) matrix."""
    return (xy @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def back(xy: Floats, matrix: Floats) -> Floats:
    """The other way."""
    return ((xy - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T).astype(np.float32)
