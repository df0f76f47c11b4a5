"""Crops of labelled photos: scaled, turned, moved and mirrored as OpenPose does, or as they are."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from engines.types.arrays import Floats, Image, Mask
from engines.types.skeleton import Skeleton
from training.openpose.labels import LabelledPhoto

# As in OpenPose's training (CPMTransformationParameter): a person of this share of the crop's
# height, times one of these scales, turned by up to so many degrees, moved by so much of the crop.
PERSON_SHARE = 0.6
SCALES = (0.5, 1.1)
TURN_DEGREES = 40.0
MOVED_SHARE = 40 / 368
GREY = 128  # beyond the picture's edge


class Crop(NamedTuple):
    """image: (S, S, 3). points: (P, K, 2) pixels of it. judged: (S, S), see LabelledPhoto.mask."""

    image: Image
    points: Floats
    judged: Mask


def crop(
    photo: LabelledPhoto,
    image: Image,
    judged: Mask,
    skeleton: Skeleton,
    size: int,
    rng: np.random.Generator,
) -> Crop:
    """A square around one of the photo's people."""
    person = photo.points[int(rng.integers(len(photo.points)))]
    low, high = np.nanmin(person, axis=0), np.nanmax(person, axis=0)
    scale = PERSON_SHARE * size / max(float((high - low).max()), 1.0) * rng.uniform(*SCALES)
    turn = np.radians(rng.uniform(-TURN_DEGREES, TURN_DEGREES))
    mirror = rng.random() < 0.5
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([-1 if mirror else 1, 1])
    to = size / 2 + rng.uniform(-MOVED_SHARE, MOVED_SHARE, 2) * size
    return placed(photo, image, judged, skeleton, size, linear, to - linear @ ((low + high) / 2))


def unaltered(
    photo: LabelledPhoto,
    image: Image,
    judged: Mask,
    skeleton: Skeleton,
    size: int,
    rng: np.random.Generator,
) -> Crop:
    """A square of the photo as a run with --height `size` sees it: as high as the crop, neither
    turned nor mirrored. Of a wider photo any part; a narrower one begins at the left.
    """
    wide, high = photo.size
    scale = size / high
    left = rng.uniform() * max(0.0, wide * scale - size)
    # Pixel centres are whole numbers, edges lie half a pixel before the first.
    shift = np.array([(scale - 1) / 2 - left, (scale - 1) / 2])
    return placed(photo, image, judged, skeleton, size, np.eye(2) * scale, shift)


def placed(
    photo: LabelledPhoto,
    image: Image,
    judged: Mask,
    skeleton: Skeleton,
    size: int,
    linear: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    shift: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> Crop:
    """The photo moved so: pixel p goes to linear @ p + shift; left is right where that mirrors."""
    matrix = np.column_stack([linear, shift])
    points = photo.points @ linear.T + shift
    if np.linalg.det(linear) < 0:
        points = points[:, list(skeleton.mirror)]
    inside = np.asarray(((points > -0.5) & (points < size - 0.5)).all(axis=-1), bool)
    method = cv2.INTER_AREA if abs(np.linalg.det(linear)) < 0.25 else cv2.INTER_LINEAR
    turned = cv2.warpAffine(image, matrix, (size, size), flags=method, borderValue=(GREY,) * 3)
    # Beyond the edge there is nobody.
    weight = cv2.warpAffine(
        judged.astype(np.uint8), matrix, (size, size), flags=cv2.INTER_NEAREST, borderValue=1
    )
    found = np.where(inside[..., None], points, np.nan).astype(np.float32)
    return Crop(np.asarray(turned, np.uint8), found, weight.astype(bool))
