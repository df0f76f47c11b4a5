"""How alike two poses are: object keypoint similarity (COCO keypoint evaluation), and boxes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats
from engines.types.skeleton import Skeleton

BOX_AREA_SHARE = 0.53  # of a box that a person covers: COCO's ratio of areas to boxes
PLACED_WITHIN_PX = 2.0  # deviation along each axis with which networks place keypoints
MIN_AREA_SHARE = 0.35**2  # of the square of the longer side: bounds people seen from the side


def boxes(xy: Floats) -> Floats:
    """(P, K, 2) poses -> (P, 4) left, top, right, bottom of what was found; NaN for nobody."""
    # fmin and fmax leave NaN out.
    corners = np.concatenate([np.fmin.reduce(xy, axis=1), np.fmax.reduce(xy, axis=1)], axis=-1)
    return np.where(np.isinf(corners), np.nan, corners).astype(np.float32, copy=False)


def areas(xy: Floats) -> Floats:
    """(P, K, 2) poses -> (P,) square pixels that they cover; 1 where the pose tells nothing."""
    corners = boxes(xy)
    wide, high = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    area = np.fmax(BOX_AREA_SHARE * wide * high, MIN_AREA_SHARE * np.fmax(wide, high) ** 2)
    floored: Floats = np.fmax(area, 1).astype(np.float32)
    return floored


def expected_oks(xy: Floats, skeleton: Skeleton) -> Floats:
    """(P, K, 2) poses -> (P,) similarity to the true ones where nobody is mistaken for another.

    What a network takes for a keypoint lies a pixel or two off, however small a person is: of small
    people that is much. The mean of exp(-d^2 / (2 s^2 k^2)) over normally distributed distances d
    with the deviation e is 1 / (1 + e^2 / (s^2 k^2)), here over the keypoints of the body.
    """
    k = 2 * np.array(skeleton.sigmas, np.float32)[np.array(skeleton.body)]
    off = PLACED_WITHIN_PX**2 / (areas(xy[:, np.array(skeleton.body)])[:, None] * k**2)
    mean: Floats = (1 / (1 + off)).mean(axis=1).astype(np.float32)
    return mean


def oks(
    one: Floats, other: Floats, area: Floats, sigmas: Floats, spread: Floats | None = None
) -> tuple[Floats, NDArray[np.int_]]:
    """(N, K, 2) and (P, K, 2) poses -> (N, P) similarity and number of keypoints in common.

    Only keypoints that both have count; without any the similarity is 0. area: of the person in
    square pixels, broadcast to (N, P). sigmas: (K,) spread: how unsure a place is beside that, as
    a standard deviation in sides of the area; broadcast to (N, P).
    """
    wide = one[:, None, :, 0] - other[None, :, :, 0]
    high = one[:, None, :, 1] - other[None, :, :, 1]
    apart: Floats = wide * wide + high * high
    common = ~np.isnan(apart)
    unsure = 2 * (2 * sigmas) ** 2
    if spread is not None:
        unsure = unsure + 2 * np.asarray(spread)[..., None] ** 2
    alike = np.where(common, np.exp(-apart / (unsure * np.asarray(area)[..., None])), 0)
    count = common.sum(axis=-1)
    similarity: Floats = (alike.sum(axis=-1) / np.maximum(count, 1)).astype(np.float32)
    return similarity, count


def oks_both_ways(
    one: Floats, other: Floats, area: Floats, skeleton: Skeleton, spread: Floats | None = None
) -> Iterator[tuple[Floats, NDArray[np.int_]]]:
    """What oks() says of their bodies, then with left and right of the others exchanged.

    A network takes a back for a front now and then; it is the same body. area: of the bodies.
    """
    body = np.array(skeleton.body)
    sigmas = np.array(skeleton.sigmas, np.float32)[body]
    one = one[:, body]
    for way in (body, np.array(skeleton.mirror)[body]):
        yield oks(one, other[:, way], area, sigmas, spread)


def iou(one: Floats, other: Floats) -> Floats:
    """(N, 4) and (P, 4) boxes -> (N, P) intersection over union; 0 for NaN."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.maximum(high - low, 0).prod(axis=-1)
    sizes = [(box[:, 2:] - box[:, :2]).prod(axis=-1) for box in (one, other)]
    union = sizes[0][:, None] + sizes[1][None] - both
    overlap: Floats = np.nan_to_num(both / np.maximum(union, 1e-6)).astype(np.float32)
    return overlap
