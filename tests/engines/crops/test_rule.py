"""Where a person is cropped."""

import numpy as np
import pytest

from engines.crops.rule import MIN_CROP_PX, CropRule
from engines.types.arrays import Floats
from engines.types.errors import CardError
from engines.types.skeleton import named_skeleton
from tests.synth import SKELETON, person

NAMES = SKELETON.keypoints
SQUARE = (256, 256)


def people(*poses: np.ndarray) -> Floats:
    return np.stack(poses).astype(np.float32)


def points(**places: tuple[float, float]) -> Floats:
    xy = np.full((1, len(NAMES), 2), np.nan, np.float32)
    for name, place in places.items():
        xy[0, NAMES.index(name)] = place
    return xy


def test_square_is_padded_longer_side_around_the_middle_of_the_box() -> None:
    xy = points(nose=(100, 50), left_ankle=(140, 250), right_wrist=(90, 120))
    crops, ok = CropRule(padding=1.25).crops(xy, SKELETON, SQUARE)
    assert ok.tolist() == [True]
    np.testing.assert_allclose(crops.centre, [[115, 150]])
    np.testing.assert_allclose(crops.extent, [[250, 250]])
    assert crops.angle == 0


@pytest.mark.parametrize(
    ("place", "extent"),
    [((110, 250), (187.5, 250)), ((300, 60), (250, 1000 / 3))],
    ids=["tall", "wide"],
)
def test_box_is_widened_to_the_network_aspect(
    place: tuple[float, float], extent: tuple[float, float]
) -> None:
    xy = points(nose=(100, 50), left_ankle=place)
    crops, _ = CropRule(padding=1.25).crops(xy, SKELETON, (192, 256))
    np.testing.assert_allclose(crops.extent[0], extent, rtol=1e-5)


@pytest.mark.parametrize("turn", [0, 30, 90, 180, -120])
def test_crop_turned_by_the_body_shows_everybody_alike(turn: float) -> None:
    """The same person in any posture of the whole body lies at the same places of the crop."""
    body = person((300, 300), 200)
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = (body - 300) @ rotation.T + (320, 280)
    rule = CropRule(axis=("mid_hip", "neck"))
    crops, ok = rule.crops(people(body, turned), SKELETON, SQUARE)
    assert ok.all()
    upright, other = crops.to_crop(people(body, turned))
    np.testing.assert_allclose(other, upright, atol=1e-2)
    np.testing.assert_allclose(crops.extent[0], crops.extent[1], rtol=1e-4)


def test_axis_that_is_not_seen_leaves_the_crop_upright() -> None:
    xy = points(nose=(100, 50), left_ankle=(140, 250))
    rule = CropRule(axis=("mid_hip", "neck"))
    crops, ok = rule.crops(xy, SKELETON, SQUARE)
    assert ok.all()
    assert crops.angle == 0
    mid_hip = CropRule(axis=("mid_hip", "left_big_toe")).crops(xy, named_skeleton("coco18"), SQUARE)
    assert mid_hip[0].angle == 0


def test_who_has_no_box_is_not_looked_at() -> None:
    nobody = points()
    one = points(nose=(5, 5))
    astray = points(nose=(0, 0), neck=(1e7, 3))
    infinite = points(nose=(0, 0), neck=(np.inf, 3))
    good = points(nose=(0, 0), neck=(0, 40))
    xy = np.concatenate([nobody, one, astray, infinite, good])
    crops, ok = CropRule().crops(xy, SKELETON, SQUARE)
    assert ok.tolist() == [False, False, False, False, True]
    assert np.isfinite(crops.centre).all()
    assert np.isfinite(crops.extent).all()
    assert len(CropRule().crops(xy[:0], SKELETON, SQUARE)[0]) == 0


def test_tiny_person_gets_a_crop_that_shows_something() -> None:
    crops, ok = CropRule().crops(points(nose=(7, 7), neck=(7, 7)), SKELETON, SQUARE)
    assert ok.all()
    assert (crops.extent == MIN_CROP_PX).all()


@pytest.mark.parametrize(
    "wrong", [{"padding": 0.0}, {"padding": float("nan")}, {"border": 300}, {"axis": ("neck",)}]
)
def test_rule_that_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises(CardError):
        CropRule(**wrong)
