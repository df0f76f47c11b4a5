"""A photo of one person whose keypoints are dots, each of a colour of its own."""

from __future__ import annotations

import cv2
import numpy as np

from training.crops.people import People
from training.data.photos import Photo


def dots(seed: int = 0) -> tuple[Photo, People]:
    """Black, but for a keypoint a dot, each in a colour of its own; one person."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(np.arange(5), np.arange(4)), -1).reshape(-1, 2)
    xy = (places[rng.permutation(20)[:17]] * 36 + 60).astype(np.float32)
    image = np.zeros((240, 300, 3), np.uint8)
    for n, (x, y) in enumerate(xy):
        cv2.circle(image, (int(x), int(y)), 5, colour(n), -1)
    ones = np.ones((1, 17), np.float32)
    box = xy[None].copy()
    return Photo(image), People(np.zeros(1, np.int32), xy[None], ones, ones, box, 1)


def colour(keypoint: int) -> tuple[int, int, int]:
    return 80 + 85 * (keypoint % 3), 80 + 85 * (keypoint // 3 % 3), 80 + 85 * (keypoint // 9)
