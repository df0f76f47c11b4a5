"""Crops of people as the first network's boxes will cut them, with where their keypoints lie."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from engines.types.arrays import Floats, Image, Indices
from training.crops.boxes import Size, around, cut, matrix_of, moved
from training.crops.people import COCO, WITH_FEET, People
from training.crops.proposals import Proposals
from training.data.augmentation import worsened
from training.data.photos import Photo

SHIFT = 0.06  # of each side (standard deviation)
ZOOM = 0.12  # of the side's logarithm (standard deviation)
STRETCH = 0.06  # of the ratio of the sides
LEAN = 12.0  # degrees, usually (standard deviation)
TURN = 40.0  # degrees, at most, of some
TURNED = 0.25  # how many those are
ANYHOW = 0.03  # of all lie at any angle
PART = 0.2  # of all boxes are those of a part of the body
STRIP = 0.1  # of all crops lose one side, as at the border of a picture
PARTS = (range(11), range(5), range(5, 17), range(5, 13), (5, 6, 11, 12, 13, 14, 15, 16))
EDGE = 0.02  # of the longer side beyond the crop a keypoint is not in it


class Sample(NamedTuple):
    """image: (h, w, 3). xy: (K, 2) pixels of it. score: (K,) 0 outside. weight: (K,)."""

    image: Image
    xy: Floats
    score: Floats
    weight: Floats


class CropBatch(NamedTuple):
    """N samples, stacked."""

    images: Image
    xy: Floats
    score: Floats
    weight: Floats


def plain(photo: Photo, people: People, n: int, size: Size) -> Sample:
    """Person n as the rule of the second look cuts it."""
    crop = around(people.box[n], size)
    assert crop is not None
    return _sample(photo, people, n, matrix_of(crop), size, mirror=False)


def varied(
    photo: Photo,
    people: People,
    n: int,
    size: Size,
    rng: np.random.Generator,
    proposals: Proposals | None = None,
) -> Sample:
    """Person n in a box that is somewhat off, turned, mirrored, cut off, badly lit.

    proposals: how boxes are off; by default the first network's boxes, moved anyhow.
    """
    box, off = people.box[n], 1.0
    if proposals is not None and np.isfinite(people.xy[n, :, 0]).sum() > 1:
        box, off = proposals.box(people.xy[n], rng), 0.0
    elif rng.random() < PART:
        part = np.full_like(box, np.nan)
        chosen = list(PARTS[int(rng.integers(len(PARTS)))])
        part[chosen] = people.xy[n, chosen]
        seen = part[people.score[n] > 0.3]
        box = part if np.isfinite(seen[:, 0]).sum() >= 4 else box
    crop = around(box, size) or around(people.box[n], size)
    assert crop is not None
    matrix = matrix_of(crop)
    middle = ((np.array(size) - 1) / 2).astype(np.float32)
    chance = rng.random()
    if chance < ANYHOW:
        angle = rng.uniform(-180, 180)
    else:
        angle = rng.uniform(-TURN, TURN) if chance < TURNED else rng.normal(0, LEAN)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    stretch = np.exp(off * rng.normal(0, STRETCH))
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([stretch, 1 / stretch])
    linear = linear * np.exp(off * rng.normal(0, ZOOM))
    mirror = bool(rng.random() < 0.5)
    if mirror:
        linear = np.diag([-1, 1]) @ linear
    linear = linear @ matrix[:, :2]
    shift = middle + off * rng.normal(0, SHIFT, 2) * size
    whole = np.column_stack([linear, shift - linear @ back_of(matrix, middle)])
    sample = _sample(photo, people, n, whole.astype(np.float32), size, mirror=mirror)
    if rng.random() < STRIP:
        sample = _stripped(sample, rng)
    return sample._replace(image=worsened(sample.image, rng))


def back_of(matrix: Floats, at: Floats) -> Floats:
    """The pixel of the photo that lies at a place of the crop."""
    return np.linalg.solve(matrix[:, :2].astype(float), at - matrix[:, 2])


def _sample(
    photo: Photo, people: People, n: int, matrix: Floats, size: Size, *, mirror: bool
) -> Sample:
    xy, score, weight = moved(people.xy[n], matrix), people.score[n], people.weight[n]
    if mirror:
        order = list((COCO if len(xy) == len(COCO.keypoints) else WITH_FEET).mirror)
        xy, score, weight = xy[order], score[order], weight[order]
    far = np.array(size)
    edge = EDGE * far.max()
    inside = ((xy > -0.5 - edge) & (xy < far - 0.5 + edge)).all(1)  # NaN is not inside
    score = np.where(inside, score, 0).astype(np.float32)
    return Sample(cut(photo.image, matrix, size), xy, score, weight)


def _stripped(sample: Sample, rng: np.random.Generator) -> Sample:
    """Black from one side on: there the picture ends, and nothing is to be found."""
    image, axis = sample.image.copy(), int(rng.integers(2))  # axis: 0 = x
    size = image.shape[1 - axis]
    depth = int(size * rng.uniform(0.08, 0.4))
    high = bool(rng.random() < 0.5)
    span = slice(size - depth, size) if high else slice(0, depth)
    image[(slice(None), span) if axis == 0 else span] = 0
    along = sample.xy[:, axis]
    gone = along >= size - depth - 0.5 if high else along < depth - 0.5
    return sample._replace(image=image, score=np.where(gone, np.float32(0), sample.score))


def make_batch(
    photos: Sequence[Photo],
    people: People,
    chosen: Indices,
    size: Size,
    seed: tuple[int, ...],
    pool: Executor,
    proposals: Proposals | None = None,
) -> CropBatch:
    """Varied crops of the people of these numbers; always the same for the same seed."""

    def one(place: int) -> Sample:
        n = int(chosen[place])
        rng = np.random.default_rng((*seed, place))
        return varied(photos[people.photo[n]], people, n, size, rng, proposals)

    return stacked(list(pool.map(one, range(len(chosen)))))


def some(batch: CropBatch, which: slice) -> CropBatch:
    """These of them."""
    return CropBatch(batch.images[which], batch.xy[which], batch.score[which], batch.weight[which])


def stacked(samples: Sequence[Sample]) -> CropBatch:
    """The same as arrays with one more dimension."""
    return CropBatch(*(np.stack(one) for one in zip(*samples, strict=True)))
