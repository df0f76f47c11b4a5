"""Heads that say outright where the keypoints of a crop are."""

import numpy as np
import pytest

from engines.decoders.regression import BlazePose, Regression
from engines.types.errors import CardError

SIZE = (192, 256)


def test_shares_of_the_sides_become_crop_pixels() -> None:
    """0 and 1 are the outer edges of the first and the last pixel, whose centres are 0 and 191."""
    raw = np.array([[[[0.0, 0.0, 0.9], [1.0, 1.0, 0.2], [0.25, 0.5, 0.4]]]], np.float32)
    xy, score = Regression().points({"points": raw}, SIZE)
    np.testing.assert_allclose(xy, [[[-0.5, -0.5], [191.5, 255.5], [95.5, 63.5]]])
    np.testing.assert_allclose(score, [[0.9, 0.2, 0.4]])
    other, _ = Regression(order="xy").points({"points": raw}, SIZE)
    np.testing.assert_allclose(other[0, 2], [47.5, 127.5])


def test_batch_keeps_its_order() -> None:
    raw = np.random.default_rng(0).random((4, 1, 17, 3)).astype(np.float32)
    xy, _ = Regression().points({"points": raw}, SIZE)
    for n in range(4):
        one, _ = Regression().points({"points": raw[n : n + 1]}, SIZE)
        np.testing.assert_array_equal(one[0], xy[n])


def test_blazepose_confidence_is_visibility_of_somebody_who_is_there() -> None:
    values = np.zeros((2, 39, 5), np.float32)
    values[:, 3] = (10, 20, -3, np.log(3), 9)  # visible at 3 / 4
    arrays = {"points": values.reshape(2, 195), "flag": np.array([[0.8], [0.3]], np.float32)}
    xy, score = BlazePose().points(arrays, (256, 256))
    assert xy.shape == (2, 33, 2)
    np.testing.assert_allclose(xy[0, 3], [9.5, 19.5])
    np.testing.assert_allclose(score[0, 3], 0.6, rtol=1e-5)
    np.testing.assert_allclose(score[0, 4], 0.4, rtol=1e-5)
    assert (score[1] == 0).all()


@pytest.mark.parametrize(
    ("head", "arrays"),
    [
        (Regression(), {"points": np.zeros((1, 1, 21, 3), np.float32)}),
        (BlazePose(), {"points": np.zeros((1, 63), np.float32), "flag": np.ones((1, 1))}),
    ],
)
def test_outputs_that_do_not_fit_are_refused(
    head: Regression | BlazePose, arrays: dict[str, np.ndarray]
) -> None:
    with pytest.raises(CardError, match="points has"):
        head.points(arrays, SIZE)
