"""Letterbox: there and back, and where the pixels really go."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.types.arrays import Image
from engines.types.letterbox import MAX_ASPECT, Letterbox, Rows

sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
heights = st.integers(32, 1000)
strides = st.sampled_from([1, 8, 16, 32])


def blob(size: tuple[int, int], at: tuple[float, float], sigma: float) -> Image:
    """A round bright spot on black."""
    x, y = (np.arange(length) for length in size)
    down = np.exp(-((y - at[1]) ** 2) / (2 * sigma**2))
    across = np.exp(-((x - at[0]) ** 2) / (2 * sigma**2))
    grey = np.rint(255 * down[:, None] * across).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def centroid(image: Image) -> tuple[float, float]:
    grey = image[:, :, 1].astype(float)
    rows, columns = np.indices(grey.shape)
    return (columns * grey).sum() / grey.sum(), (rows * grey).sum() / grey.sum()


@settings(deadline=None)
@given(picture=sizes, height=heights, stride=strides, seed=st.integers(0, 10**6))
def test_there_and_back(picture: tuple[int, int], height: int, stride: int, seed: int) -> None:
    box = Letterbox.fit(picture, height, stride)
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-0.5, np.array(picture) - 0.5, (4, 3, 2)).astype(np.float32)
    inner = box.to_network(xy)
    assert inner.dtype == np.float32
    assert inner.shape == xy.shape
    np.testing.assert_allclose(box.to_picture(inner), xy, rtol=1e-6, atol=1e-3)


@settings(deadline=None)
@given(picture=sizes, height=heights, stride=strides)
def test_the_picture_fills_its_corner_of_the_network(
    picture: tuple[int, int], height: int, stride: int
) -> None:
    box = Letterbox.fit(picture, height, stride)
    corners = np.array([[-0.5, -0.5], np.array(picture) - 0.5], np.float32)
    want = np.array([[-0.5, -0.5], np.array(box.scaled) - 0.5])
    np.testing.assert_allclose(box.to_network(corners), want, rtol=1e-6, atol=1e-3)


@settings(deadline=None)
@given(picture=sizes, height=heights, stride=strides, buckets=st.sampled_from([None, 1, 4, 8]))
def test_the_network_is_as_high_as_asked_and_a_multiple_of_the_stride(
    picture: tuple[int, int], height: int, stride: int, buckets: int | None
) -> None:
    step = buckets and buckets * stride
    box = Letterbox.fit(picture, height, stride, step)
    (wide, high), scaled = box.network, box.scaled
    assert wide % (step or stride) == high % stride == 0
    assert 0 <= high - height < stride
    assert 1 <= scaled[0] <= wide < scaled[0] + (step or stride)
    assert 1 <= scaled[1] <= height
    assert scaled[0] <= MAX_ASPECT * height
    # Nothing wider than the limit: the height is used to the full.
    if picture[0] <= MAX_ASPECT * picture[1]:
        assert scaled[1] == height
    # The aspect is kept as well as whole pixels allow.
    assert abs(scaled[0] * picture[1] - scaled[1] * picture[0]) <= max(picture) * 1.01


def test_a_strip_of_a_picture_does_not_eat_the_memory() -> None:
    assert Letterbox.fit((5000, 10), 368, 8).network == (MAX_ASPECT * 368, 368)
    assert Letterbox.fit((10, 5000), 368, 8).network == (8, 368)
    assert Letterbox.fit((1, 1), 368, 8).network == (368, 368)


def test_upright_pictures_get_more_rows_where_nobody_asks_for_some() -> None:
    usual = Rows(256, asked=False)
    for picture in ((1920, 1080), (640, 480), (500, 500)):
        assert usual.of(picture) == 256
    assert usual.of((1080, 1920)) == 455  # as many pixels as the same picture lying
    assert usual.of((480, 640), 32) == 352
    assert usual.of((501, 500 + 2), 32) == 256
    assert usual.of((10, 5000)) == 455, "a strip does not eat the memory"
    assert Rows(256).of((1080, 1920)) == 256


def test_pictures_of_many_sizes_make_few_networks() -> None:
    rng = np.random.default_rng(0)
    pictures = [(int(wide), int(high)) for wide, high in rng.integers(300, 700, (500, 2))]
    exact = {Letterbox.fit(picture, 256, 8).network for picture in pictures}
    few = {Letterbox.fit(picture, 256, 8, step=64).network for picture in pictures}
    assert len(exact) > 40
    assert len(few) <= 8


@settings(deadline=None, max_examples=40)
@given(
    picture=st.tuples(st.integers(120, 900), st.integers(120, 900)),
    height=st.integers(100, 500),
    share=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
)
def test_pixels_go_where_coordinates_say(
    picture: tuple[int, int], height: int, share: tuple[float, float]
) -> None:
    at = share[0] * picture[0], share[1] * picture[1]
    box = Letterbox.fit(picture, height, 8)
    # Wide enough to survive being shrunk, small enough to stay inside.
    out = box.apply(blob(picture, at, sigma=min(picture) / 14))
    want = box.to_network(np.array(at, np.float32))
    assert centroid(out) == pytest.approx(tuple(want.tolist()), abs=0.1)


@pytest.mark.parametrize("pad", [0, 128])
@pytest.mark.parametrize("picture", [(300, 200), (173, 97), (33, 140)])
def test_beside_the_picture_there_is_padding(picture: tuple[int, int], pad: int) -> None:
    box = Letterbox.fit(picture, 97, 8, step=64)
    out = box.apply(np.full((picture[1], picture[0], 3), 200, np.uint8), pad)
    wide, high = box.scaled
    assert out.shape == (box.network[1], box.network[0], 3)
    assert (out[:high, :wide] == 200).all()
    assert (out[high:] == pad).all()
    assert (out[:, wide:] == pad).all()
    assert (out == pad).any(), "an example without padding tests nothing"


def test_a_picture_of_the_right_height_is_taken_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 120, 3), np.uint8)
    box = Letterbox.fit((120, 96), 96, 8)
    assert box.scale == (1, 1)
    assert (box.apply(image) == image).all()


def test_apply_into_needs_no_memory_of_its_own() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 133, 3), np.uint8)
    box = Letterbox.fit((133, 90), 64, 32)
    memory = np.full((3, 64, 96, 3), 77, np.uint8)
    box.apply_into(memory[1], image, 5)
    assert (memory[1] == box.apply(image, 5)).all()
    assert (memory[[0, 2]] == 77).all()


def test_apply_leaves_the_picture_alone() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 133, 3), np.uint8)
    image.flags.writeable = False
    before = image.copy()
    Letterbox.fit((133, 90), 64, 32).apply(image)
    assert (image == before).all()
