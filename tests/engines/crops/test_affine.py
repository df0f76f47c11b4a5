"""Crops: what they show, and where their points are in the picture."""

import cv2
import numpy as np
import pytest

from engines.crops.affine import Crops, cut
from engines.types.arrays import Floats, Image


def crop(
    centre: tuple[float, float],
    extent: tuple[float, float],
    degrees: float = 0,
    size: tuple[int, int] = (64, 96),
) -> Crops:
    return Crops(
        np.array([centre], np.float32),
        np.array([extent], np.float32),
        np.array([np.radians(degrees)], np.float32),
        size,
    )


def several() -> Crops:
    rng = np.random.default_rng(3)
    return Crops(
        rng.uniform(-50, 700, (20, 2)).astype(np.float32),
        rng.uniform(5, 900, (20, 2)).astype(np.float32),
        rng.uniform(-4, 4, 20).astype(np.float32),
        (192, 256),
    )


def smooth(wide: int, high: int, seed: int = 0) -> Image:
    noise = np.random.default_rng(seed).integers(0, 256, (high, wide, 3)).astype(np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)


def test_points_go_there_and_back() -> None:
    crops = several()
    xy = np.random.default_rng(1).uniform(-100, 900, (20, 17, 2)).astype(np.float32)
    np.testing.assert_allclose(crops.to_picture(crops.to_crop(xy)), xy, atol=2e-2)


def test_corners_of_the_crop_are_the_corners_of_its_box() -> None:
    """Edges of pixels lie half a pixel beyond their centres."""
    corners = np.array([[[-0.5, -0.5], [63.5, 95.5], [31.5, 47.5]]], np.float32)
    upright = crop((100, 200), (32, 48)).to_picture(corners)[0]
    np.testing.assert_allclose(upright, [[84, 176], [116, 224], [100, 200]], atol=1e-4)
    # A quarter clockwise: the crop's right is the picture's bottom.
    turned = crop((100, 200), (32, 48), 90).to_picture(corners)[0]
    np.testing.assert_allclose(turned, [[124, 184], [76, 216], [100, 200]], atol=1e-4)


def test_nan_stays_nan() -> None:
    xy = np.full((1, 2, 2), np.nan, np.float32)
    assert np.isnan(crop((3, 3), (10, 10)).to_picture(xy)).all()


def test_crop_of_its_own_size_is_the_picture_itself() -> None:
    image = smooth(300, 200)
    out = cut([image], [crop((131.5, 87.5), (64, 96))])[0]
    assert (out == image[40:136, 100:164]).all()


@pytest.mark.parametrize("degrees", [0, 90, 180, 33])
@pytest.mark.parametrize("extent", [(64, 96), (40, 60)])
def test_pixels_lie_where_points_do(degrees: float, extent: tuple[float, float]) -> None:
    """The oracle samples the picture at each crop pixel's place, by itself."""
    image = smooth(320, 240)
    box = crop((160.3, 120.7), extent, degrees)
    out = cut([image], [box])[0]
    x, y = np.meshgrid(np.arange(64), np.arange(96))
    grid = np.stack([x, y], axis=-1).reshape(1, -1, 2).astype(np.float32)
    at = box.to_picture(grid)[0]
    left, top = np.floor(at).astype(int).T
    fx, fy = (at - np.floor(at)).T[..., None]
    picture = image.astype(float)
    above = picture[top, left] * (1 - fx) + picture[top, left + 1] * fx
    below = picture[top + 1, left] * (1 - fx) + picture[top + 1, left + 1] * fx
    wanted = (above * (1 - fy) + below * fy).reshape(96, 64, 3)
    # OpenCV rounds places to 1/32 of a pixel.
    assert np.abs(out - wanted).max() <= 4


def test_mirrored_picture_gives_the_mirrored_crop() -> None:
    image = smooth(320, 240)
    out = cut([image], [crop((100, 90), (50, 75), 20)])[0]
    mirrored = cut([image[:, ::-1].copy()], [crop((219, 90), (50, 75), -20)])[0]
    assert np.abs(mirrored[:, ::-1].astype(int) - out).max() <= 2


def test_beyond_the_picture_its_edge_may_go_on() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    out = cut([image], [crop((-0.5, 19.5), (64, 96))], border=None)[0]  # 32 columns are beyond
    np.testing.assert_array_equal(out[28:68, 32:], image[:, :32])
    np.testing.assert_array_equal(out[28:68, :32], np.repeat(image[:, :1], 32, axis=1))
    np.testing.assert_array_equal(out[:28, 32:], np.repeat(image[:1, :32], 28, axis=0))


def test_beyond_the_picture_lies_the_border() -> None:
    """At the edge, and where the picture is narrower than the crop."""
    image = np.full((40, 10, 3), 200, np.uint8)
    out = cut([image], [crop((4.5, 19.5), (64, 96))], border=7)[0]
    inside = np.zeros((96, 64), bool)
    inside[28:68, 27:37] = True
    assert (out[inside] == 200).all()
    assert (out[~inside] == 7).all()
    far = cut([image], [crop((900, 900), (30, 45))], border=7)[0]
    assert (far == 7).all()


def test_one_batch_over_all_cameras() -> None:
    images = [smooth(200, 100, seed) for seed in range(3)]
    boxes = several()
    shares = [boxes.some(np.arange(0, 2)), boxes.some(np.arange(0)), boxes.some(np.arange(2, 5))]
    batch = cut(images, shares)
    assert batch.shape == (5, 256, 192, 3)
    alone = [cut([images[0]], [shares[0]]), cut([images[2]], [shares[2]])]
    assert (batch == np.concatenate(alone)).all()


def test_turning_there_and_back_shows_the_same_place() -> None:
    """A bright dot is where its point is, in a crop that is turned, stretched and at the edge."""
    image = np.zeros((120, 160, 3), np.uint8)
    dot: Floats = np.array([[[30, 12]]], np.float32)
    cv2.circle(image, (30, 12), 3, (255, 255, 255), -1, cv2.LINE_AA)
    box = crop((20, 20), (60, 90), 140)
    out = cut([image], [box])[0][..., 0].astype(float)
    y, x = np.mgrid[:96, :64]
    centre = np.array([(x * out).sum(), (y * out).sum()]) / out.sum()
    np.testing.assert_allclose(centre, box.to_crop(dot)[0, 0], atol=0.2)
