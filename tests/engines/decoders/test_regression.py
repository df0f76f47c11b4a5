"""Heads that say outright where the keypoints of a crop are."""

import numpy as np
import pytest

from engines.decoders.regression import (
    BlazePose,
    BlazePoseDecoder,
    Regression,
    RegressionDecoder,
)
from engines.types.errors import CardError
from engines.types.network_input import NetworkInput
from engines.types.skeleton import named_skeleton

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
    assert xy.shape == (2, 39, 2)
    np.testing.assert_allclose(xy[0, 3], [9.5, 19.5])
    np.testing.assert_allclose(score[0, 3], 0.6, rtol=1e-5)
    np.testing.assert_allclose(score[0, 4], 0.4, rtol=1e-5)
    assert (score[1] == 0).all()


def test_decoder_of_a_card_names_what_it_needs_and_finds_one_person() -> None:
    """As a model of its own: whoever it takes for the person, in picture pixels."""
    skeleton = named_skeleton("coco17")
    entry = NetworkInput(stride=32, size=(192, 256), element="i32", layout="nhwc", colour="rgb")
    decoder = RegressionDecoder.from_table(skeleton, entry, {"order": "xy"})
    assert decoder.outputs["points"].fits((1, 17, 3))
    assert not decoder.outputs["points"].fits((1, 21, 3))
    raw = np.full((1, 17, 3), 0.5, np.float32)
    raw[0, 3, 2] = 0
    letterbox = entry.letterbox(entry.sizing(), (384, 512))
    poses = decoder.decode(decoder.evidence({"points": raw}, letterbox))
    assert len(poses) == 1
    np.testing.assert_allclose(poses.xy[0, 0], [191.5, 255.5])
    assert np.isnan(poses.xy[0, 3]).all()
    raw[..., 2] = 0
    assert len(decoder.decode(decoder.evidence({"points": raw}, letterbox))) == 0


def test_auxiliary_points_are_left_out() -> None:
    """MediaPipe's network gives 39 points, of which 33 are the body's."""
    skeleton = named_skeleton("coco17")
    entry = NetworkInput(stride=1, size=(256, 256))
    decoder = BlazePoseDecoder.from_table(skeleton, entry, {})
    assert decoder.outputs["points"].fits((195,))
    assert not decoder.outputs["points"].fits((84,))
    arrays = {"points": np.zeros((2, 195), np.float32), "flag": np.ones((2, 1), np.float32)}
    xy, score = decoder.points(arrays)
    assert xy.shape == (2, 17, 2)
    assert score.shape == (2, 17)


@pytest.mark.parametrize("wrong", [{"order": "yz"}, {"sequence": "yx"}])
def test_decoder_settings_that_make_no_sense_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(CardError):
        RegressionDecoder.from_table(
            named_skeleton("coco17"), NetworkInput(stride=1, size=(192, 256)), wrong
        )
    with pytest.raises(CardError, match="size"):
        RegressionDecoder.from_table(
            named_skeleton("coco17"), NetworkInput(stride=8, height=256), {}
        )
