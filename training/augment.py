"""Crops of photos as a camera might see people: near, far, tilted, mirrored, crowded, badly lit."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engines.poses import Image

TURN = 45.0  # degrees, at most
SCALES = (0.7, 3.0)  # longest side of the photo against the side of the crop
CROWD = 0.2  # of all crops are made of four
GREY = 0.05


def crop(photos: Sequence[Image], size: int, rng: np.random.Generator) -> Image:
    """(size, size, 3) of a random photo, or of four: crowds, which the photos have few of."""
    if rng.random() >= CROWD:
        return _warped(photos[int(rng.integers(len(photos)))], size, rng)
    cut = int(size * rng.uniform(0.35, 0.65))
    whole = np.empty((size, size, 3), np.uint8)
    for rows in (slice(0, cut), slice(cut, size)):
        for columns in (slice(0, cut), slice(cut, size)):
            high, wide = rows.stop - rows.start, columns.stop - columns.start
            part = _warped(photos[int(rng.integers(len(photos)))], max(high, wide), rng)
            whole[rows, columns] = part[:high, :wide]
    return whole


def _warped(photo: Image, size: int, rng: np.random.Generator) -> Image:
    """A random place, scale, angle, aspect and side of the photo."""
    height, width = photo.shape[:2]
    scale = size / max(height, width) * np.exp(rng.uniform(*np.log(SCALES)))
    wide, high = scale * width, scale * height
    angle = rng.uniform(-TURN, TURN) if rng.random() < 0.3 else rng.normal(0, 6)
    stretch = np.exp(rng.normal(0, 0.06))
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([scale * stretch, scale / stretch])
    if rng.random() < 0.5:
        linear[:, 0] *= -1
    # A photo larger than the crop is cut somewhere, a smaller one lies somewhere within it.
    spare = np.abs([wide - size, high - size]) / 2 * rng.uniform(-1, 1, 2)
    shift = np.array([size, size]) / 2 + spare - linear @ [width / 2, height / 2]
    border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
    level = [int(value) for value in rng.integers(0, 256, 3)]
    method = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    return np.asarray(
        cv2.warpAffine(
            photo,
            np.column_stack([linear, shift]),
            (size, size),
            flags=method,
            borderMode=border,
            borderValue=level,
        ),
        np.uint8,
    )


def worsened(image: Image, rng: np.random.Generator) -> Image:
    """The same picture by a worse camera in other light: the teacher sees the good one."""
    if rng.random() < 0.1:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.6)), np.uint8)
    if rng.random() < 0.1:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 60))]
        packed = cv2.imencode(".jpg", image, quality)[1]
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
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
