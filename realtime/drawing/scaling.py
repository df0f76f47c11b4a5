"""Pictures and people in another size."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from engines.types.arrays import Image
from realtime.types.results import Tracks, View


def scaled(view: View, scale: float) -> tuple[Image, Tracks]:
    """A view's picture and people, so many times as large."""
    image, tracks = view.frame.image, view.tracks
    if scale != 1:
        image = resized(image, scale)
        xy = (tracks.poses.xy + 0.5) * scale - 0.5  # pixel centres at whole numbers
        tracks = replace(tracks, poses=replace(tracks.poses, xy=xy))
    return image, tracks


def fitting_scale(size: tuple[int, int], room: tuple[int, int]) -> float:
    """By which a (width, height) picture just fits."""
    return min(have / want for have, want in zip(room, size, strict=True))


def resized(image: Image, scale: float) -> Image:
    """A new picture of this share of its size: halved as long as that is not too small, which
    OpenCV does fastest, then by straight lines between the pixels.
    """
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    while all(
        have % 2 == 0 and have >= 2 * want
        for have, want in zip(image.shape[1::-1], size, strict=True)
    ):
        half = [side // 2 for side in image.shape[1::-1]]
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)
    how = cv2.INTER_AREA if image.shape[1] >= 2 * size[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def centred(image: Image, size: tuple[int, int]) -> Image:
    """A picture that fits in (width, height), in the middle of a black one of this size."""
    wide, high = size
    if image.shape[:2] == (high, wide):
        return image
    out = np.zeros((high, wide, 3), np.uint8)
    top, left = (high - image.shape[0]) // 2, (wide - image.shape[1]) // 2
    out[top : top + image.shape[0], left : left + image.shape[1]] = image
    return out
