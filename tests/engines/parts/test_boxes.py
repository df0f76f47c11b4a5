"""Where hands and faces are cropped."""

import numpy as np
import pytest

from engines.parts.boxes import eye_boxes, face_boxes, forearm_boxes, forearms, hand_boxes
from tests.engines.parts.hands import flat_hand, moved, turned

SIZE = (224, 224)
NOWHERE = np.full((1, 2), np.nan, np.float32)


def points(*rows: tuple[float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


@pytest.mark.parametrize("degrees", [0, 30, 90, 180, -135])
def test_forearm_points_up_in_the_crop(degrees: float) -> None:
    """The hand's middle is a third of a forearm beyond the wrist, whichever way the arm points."""
    elbow, wrist = points((300, 200)), points((300, 200)) + turned(points((0, -90)), degrees)
    crops, ok = forearm_boxes(wrist, elbow, forearms(wrist, elbow, NOWHERE), SIZE)
    assert ok.all()
    np.testing.assert_allclose(crops.centre, wrist + 0.33 * (wrist - elbow), rtol=1e-5)
    np.testing.assert_allclose(crops.extent, 90 * 1.05, rtol=1e-5)
    at = crops.to_crop(np.stack([elbow, wrist], axis=1))[0]
    assert at[0, 0] == pytest.approx(at[1, 0], abs=1e-3)
    assert at[0, 1] > at[1, 1]


def test_foreshortened_forearm_is_measured_by_the_upper_arm() -> None:
    wrist, elbow, shoulder = points((100, 110)), points((100, 100)), points((100, 200))
    crops, _ = forearm_boxes(wrist, elbow, forearms(wrist, elbow, shoulder), SIZE)
    np.testing.assert_allclose(crops.extent, 0.9 * 100 * 1.05, rtol=1e-5)


@pytest.mark.parametrize(
    ("wrist", "elbow"),
    [
        (NOWHERE, points((100, 100))),
        (points((100, 100)), NOWHERE),
        (points((100, 100)), points((100, 100))),
        (points((100, 100)), points((104, 100))),
        (points((3e5, 3e5)), points((0, 0))),
    ],
)
def test_no_crop_without_a_forearm_to_go_by(wrist: np.ndarray, elbow: np.ndarray) -> None:
    """Not found, of no length, too small to show fingers, gone astray."""
    crops, ok = forearm_boxes(wrist, elbow, forearms(wrist, elbow, NOWHERE), SIZE)
    assert not ok.any()
    assert np.isfinite(crops.matrices()).all()


@pytest.mark.parametrize("degrees", [0, 77, 180])
def test_hand_is_whole_and_upright_in_its_own_crop(degrees: float) -> None:
    """Of all its turns the same picture, with every finger in it."""
    hand = flat_hand() * 40
    crops, ok = hand_boxes(moved(turned(hand, degrees), 320, 240)[None], SIZE)
    assert ok.all()
    at = crops.to_crop(moved(turned(hand, degrees), 320, 240)[None])[0]
    upright, _ = hand_boxes(moved(hand, 320, 240)[None], SIZE)
    np.testing.assert_allclose(at, upright.to_crop(moved(hand, 320, 240)[None])[0], atol=0.02)
    assert (at >= 0).all()
    assert (at <= 223).all()
    # MediaPipe's rule, by hand: the palm is from -0.75 to 0.55 knuckles wide, 1.25 high.
    low, high = hand[[0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]].min(0), hand[[0, 17]].max(0)
    high[0] = hand[[17, 18], 0].max()
    np.testing.assert_allclose(upright.extent, 2 * (high - low).max(), rtol=1e-3)


def test_unknown_hand_has_no_crop() -> None:
    hand = flat_hand()[None] * 40
    hand[0, 9] = np.nan
    assert not hand_boxes(hand, SIZE)[1].any()
    assert not hand_boxes(np.zeros((0, 21, 2), np.float32), SIZE)[1].any()


@pytest.mark.parametrize("degrees", [0, 25, -60, 170])
def test_eyes_are_level_in_the_crop_of_a_face(degrees: float) -> None:
    right, left = (turned(points(at), degrees) + 200 for at in ((-20, 0), (20, 0)))
    crops, ok = eye_boxes(right.astype(np.float32), left.astype(np.float32), SIZE)
    assert ok.all()
    at = crops.to_crop(np.stack([right, left], axis=1).astype(np.float32))[0]
    assert at[0, 1] == pytest.approx(at[1, 1], abs=1e-3)
    assert at[0, 0] < 111.5 < at[1, 0]
    assert at[0, 1] < 111.5
    np.testing.assert_allclose(crops.extent, 3.4 * 40, rtol=1e-5)


@pytest.mark.parametrize("degrees", [0, 90])
def test_face_is_cropped_from_the_forehead_to_the_chin(degrees: float) -> None:
    """Brows at -20, chin at 80: the mesh begins 21 above the brows; half as much again around."""
    face = np.zeros((70, 2), np.float32)
    face[:17, 0] = np.linspace(-50, 50, 17)
    face[17:27, 1] = -20
    face[8, 1] = 80
    face[36:42], face[42:48] = (-20, 0), (20, 0)
    crops, ok = face_boxes(turned(face, degrees)[None], SIZE)
    assert ok.all()
    np.testing.assert_allclose(crops.extent, 1.5 * 121, rtol=1e-5)
    np.testing.assert_allclose(crops.centre, turned(points((0, 19.5)), degrees), atol=1e-3)
    assert crops.angle[0] == pytest.approx(np.radians(degrees), abs=1e-6)
