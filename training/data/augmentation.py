"""Crops of photos as a camera might see people: near, far, tilted, mirrored, crowded, badly lit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from engines.types.arrays import Image
from training.data.photos import Photo
from training.data.target_maps import Persons, mirrored

TURN = 45.0  # degrees, at most
LEAN = 9.0  # degrees, usually (standard deviation)
STRETCH = 0.1  # of the sides' ratio and of the shear (standard deviation)
SCALES = (0.7, 3.0)  # longest side of the photo against the side of the crop
# The photos are few: after a hundred crops of each the network knows them by heart (on others its
# loss was 16 % higher), and only what is in no photo teaches it more.
CROWD = 0.25  # of all crops are made of four
PASTED = 0.25  # chance of one more person of another photo stuck on, up to PASTES
PASTES = 3
TINT = 0.06  # by which the channels of the colour run into one another (standard deviation)
GREY = 0.05


class Crop(NamedTuple):
    """image: (S, S, 3). persons: (P, 18, 2) pixels of it, NaN = not labelled or covered."""

    image: Image
    persons: Persons


def crop(photos: Sequence[Photo], size: int, rng: np.random.Generator) -> Crop:
    """A square of a random photo, or of four: crowds, which the photos have few of."""

    def any_of() -> Photo:
        return photos[int(rng.integers(len(photos)))]

    if rng.random() >= CROWD:
        made = _warped(any_of(), size, rng)
        for _ in range(PASTES):
            if rng.random() < PASTED:
                made = _pasted(made, any_of(), rng)
        return made
    cut = int(size * rng.uniform(0.35, 0.65))
    whole = np.empty((size, size, 3), np.uint8)
    everybody = []
    for rows in (slice(0, cut), slice(cut, size)):
        for columns in (slice(0, cut), slice(cut, size)):
            high, wide = rows.stop - rows.start, columns.stop - columns.start
            part = _warped(any_of(), max(high, wide), rng)
            whole[rows, columns] = part.image[:high, :wide]
            x, y = part.persons[..., 0], part.persons[..., 1]
            shown = (x > -0.5) & (x < wide - 0.5) & (y > -0.5) & (y < high - 0.5)
            moved = part.persons + np.array([columns.start, rows.start], np.float32)
            everybody.append(np.where(shown[..., None], moved, np.nan))
    return Crop(whole, np.concatenate(everybody).astype(np.float32))


def _warped(photo: Photo, size: int, rng: np.random.Generator) -> Crop:
    """A random place, scale, angle, aspect and side of the photo."""
    height, width = photo.image.shape[:2]
    scale = size / max(height, width) * np.exp(rng.uniform(*np.log(SCALES)))
    wide, high = scale * width, scale * height
    linear = _turned(rng.uniform(-TURN, TURN) if rng.random() < 0.3 else rng.normal(0, LEAN))
    stretch, shear = np.exp(rng.normal(0, STRETCH)), rng.normal(0, STRETCH)
    linear = linear @ np.array([[stretch, shear], [0, 1 / stretch]]) * scale
    persons = photo.persons
    if rng.random() < 0.5:
        linear[:, 0] *= -1
        persons = mirrored(persons)
    # A photo larger than the crop is cut somewhere, a smaller one lies somewhere within it.
    spare = np.abs([wide - size, high - size]) / 2 * rng.uniform(-1, 1, 2)
    shift = np.array([size, size]) / 2 + spare - linear @ [width / 2, height / 2]
    border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
    level = [int(value) for value in rng.integers(0, 256, 3)]
    method = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    image = cv2.warpAffine(
        photo.image,
        np.column_stack([linear, shift]),
        (size, size),
        flags=method,
        borderMode=border,
        borderValue=level,
    )
    placed = persons @ linear.T + shift
    return Crop(np.asarray(image, np.uint8), placed.astype(np.float32))


def _turned(degrees: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]])


def _pasted(onto: Crop, photo: Photo, rng: np.random.Generator) -> Crop:
    """Somebody of another photo in front, cut out as an oval: people hide each other.

    The teacher sees the same picture, so that nothing is claimed about what is hidden.
    """
    if not len(photo.boxes):
        return onto
    size = len(onto.image)
    left, top, wide, high = photo.boxes[int(rng.integers(len(photo.boxes)))]
    scale = size * rng.uniform(0.3, 0.9) / max(wide, high, 1)
    middle = np.array([left + wide / 2, top + high / 2])
    to = rng.uniform(0.1, 0.9, 2) * size
    side = np.diag([scale * rng.choice((-1, 1)), scale])
    linear = _turned(rng.normal(0, LEAN)) @ side
    matrix = np.column_stack([linear, to - linear @ middle])
    front = cv2.warpAffine(photo.image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((size, size), np.uint8)
    axes = (max(1, int(0.55 * scale * wide)), max(1, int(0.55 * scale * high)))
    cv2.ellipse(mask, (int(to[0]), int(to[1])), axes, 0, 0, 360, 255, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), 0.02 * size)[..., None] / 255
    image = (front * soft + onto.image * (1 - soft)).astype(np.uint8)
    at = np.nan_to_num(onto.persons, nan=-1).round().astype(int).clip(0, size - 1)
    hidden = mask[at[..., 1], at[..., 0]] > 0
    return Crop(image, np.where(hidden[..., None], np.float32(np.nan), onto.persons))


def worsened(image: Image, rng: np.random.Generator) -> Image:
    """The same picture by a worse camera in other light: the teacher sees the good one."""
    if rng.random() < 0.1:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.6)), np.uint8)
    if rng.random() < 0.1:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 60))]
        packed = cv2.imencode(".jpg", image, quality)[1]
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    image = np.asarray(cv2.transform(image, np.eye(3) + rng.normal(0, TINT, (3, 3))), np.uint8)
    # Light, contrast, gamma and the colour of the light are one table a channel.
    gain = np.exp(rng.normal(0, 0.2)) * np.exp(rng.normal(0, 0.07, 3))
    levels = (np.arange(256)[:, None] / 255) ** np.exp(rng.normal(0, 0.25)) * 255
    table = (levels - 128) * gain + 128 + rng.normal(0, 20)
    image = np.asarray(cv2.LUT(image, table.clip(0, 255).astype(np.uint8)[None]), np.uint8)
    if rng.random() < GREY:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None], 3, 2)
    if rng.random() < 0.15:
        noise = rng.normal(0, rng.uniform(2, 14), image.shape)
        image = (image + noise).clip(0, 255).astype(np.uint8)
    return image
