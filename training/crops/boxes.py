"""Crops of people by the second look's own rule, and pixels of a photo <-> pixels of a crop."""

from __future__ import annotations

import cv2
import numpy as np

from engines.crops.affine import Crops
from engines.crops.rule import CropRule
from engines.types.arrays import Floats, Image
from training.crops.people import COCO

RULE = CropRule()  # upright, with a black border, as the exported card says


Size = tuple[int, int]  # (width, height) of crops in pixels


def around(xy: Floats, size: Size) -> Crops | None:
    """The crop of this size around one person's (17, 2) points, NaN = unknown; None where too few
    of them are known.
    """
    crops, ok = RULE.crops(xy[None], COCO, size)
    return crops if ok[0] else None


def matrix_of(crop: Crops) -> Floats:
    """(2, 3), pixels of the photo to pixels of the one crop."""
    return np.asarray(cv2.invertAffineTransform(crop.matrices()[0]), np.float32)


def cut(image: Image, matrix: Floats, size: Size) -> Image:
    """(height, width, 3) of a picture, black where it ends."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    # cv2 skips pixels when it makes a picture smaller: from half size on each is the mean of four.
    while scale < 0.5 and min(image.shape[:2]) > 1:
        image = np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        half = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]], np.float64)
        matrix = (matrix.astype(np.float64) @ half).astype(np.float32)
        scale *= 2
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)


def moved(xy: Floats, matrix: Floats) -> Floats:
    """(..., 2) points through a (2, 3) matrix."""
    return (xy @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
