"""Optical flow between pictures whose motion is known."""

import cv2
import numpy as np
import pytest

from realtime.tracking.optical_flow import Flow
from tests.realtime.tracked import BLACK, texture

POINTS = np.array([[[200, 100], [320, 180], [420, 250], [np.nan, np.nan]]], np.float32)


def moved(image: np.ndarray, x: float, y: float) -> np.ndarray:
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    high, wide = image.shape[:2]
    return cv2.warpAffine(image, matrix, (wide, high), borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("shift", [(3.0, -2.0), (18.0, 7.0)])
def test_points_follow_the_picture(shift: tuple[float, float], scale: int) -> None:
    image = texture((640 * scale, 360 * scale))
    image = cv2.GaussianBlur(image, (0, 0), scale)
    shift = shift[0] * scale, shift[1] * scale
    flow = Flow()
    assert not flow.see(image)
    assert not flow.see(moved(image, *shift))
    motion = flow.follow(POINTS * scale)
    assert motion is not None
    np.testing.assert_array_equal(motion.sure, [[True, True, True, False]])
    np.testing.assert_allclose(
        motion.xy[0, :3] - POINTS[0, :3] * scale, [shift] * 3, atol=0.4 * scale
    )
    np.testing.assert_allclose(motion.camera, shift, atol=0.4 * scale)


def test_what_was_covered_is_not_believed() -> None:
    image = texture()
    flow = Flow()
    flow.see(image)
    covered = image.copy()
    covered[130:230, 270:370] = texture((100, 100), seed=1)
    flow.see(covered)
    motion = flow.follow(POINTS)
    assert motion is not None
    np.testing.assert_array_equal(motion.sure, [[True, False, True, False]])


def test_pictures_of_nothing_lead_nowhere() -> None:
    flow = Flow()
    flow.see(texture())
    assert not flow.see(BLACK)
    assert flow.follow(POINTS) is None
    assert not flow.see(texture())
    assert flow.follow(POINTS) is None
    assert flow.follow(POINTS[:0]) is None


def test_another_scene_is_a_cut_and_a_pan_or_a_flash_is_none() -> None:
    dark = (texture(seed=3) * 0.4).astype(np.uint8)
    bright = (texture(seed=4) * 0.5 + 120).astype(np.uint8)
    for after, is_cut in (
        (bright, True),
        (moved(dark, 60, 20), False),
        (np.minimum(dark.astype(int) * 2 + 30, 255).astype(np.uint8), False),
    ):
        flow = Flow()
        flow.see(dark)
        assert flow.see(after) is is_cut


def test_another_scene_as_light_as_the_last_is_lost() -> None:
    flow = Flow()
    flow.see(texture(seed=3))
    assert not flow.see(texture(seed=4))
    motion = flow.follow(POINTS)
    assert motion is not None
    assert motion.lost
    flow.see(moved(texture(seed=4), 25, 10))
    motion = flow.follow(POINTS)
    assert motion is not None
    assert not motion.lost


def test_pictures_of_another_size_have_none_before_them() -> None:
    flow = Flow()
    image = texture()
    flow.see(image)
    assert not flow.see(cv2.resize(image, (320, 180), interpolation=cv2.INTER_AREA))
    assert flow.follow(POINTS / 2) is None
    assert flow.see(texture(seed=5))
