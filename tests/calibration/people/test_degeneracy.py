"""What people must have done before cameras for a rig to follow from it, said in words."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.geometry.errors import CalibrationError, DegenerateError
from calibration.people.degeneracy import (
    MIN_SHARED_INSTANTS,
    check_different,
    check_matched,
    check_places,
    check_shared,
    matched,
)
from calibration.people.observations import Crowd
from tests.calibration.cameras import ring

CAMERAS = ring(3, radius=5.0).cameras


def crowd(instants: range, seed: int = 0) -> Crowd:
    count = len(instants)
    xy = np.random.default_rng(seed).uniform(0, 600, (count, 17, 2))
    ones = np.ones((count, 17))
    return Crowd(np.array(instants), np.zeros(count, int), xy, ones, ones)


def test_one_source_that_was_given_twice_is_noticed() -> None:
    crowds = [crowd(range(30)), crowd(range(30), seed=1), crowd(range(30))]
    names = f"{CAMERAS[0].name} and {CAMERAS[2].name} saw exactly the same"
    with pytest.raises(CalibrationError, match=names):
        check_different(CAMERAS, crowds)
    check_different(CAMERAS, [*crowds[:2], crowd(range(30), seed=2)])


def test_a_camera_with_nobody_in_common_is_named_with_the_reason() -> None:
    crowds = [crowd(range(100)), crowd(range(100), seed=1), crowd(range(98, 200), seed=2)]
    shared = np.full((3, 3), MIN_SHARED_INSTANTS)
    check_shared(CAMERAS, crowds, shared)
    shared[2, :2] = shared[:2, 2] = 0
    with pytest.raises(CalibrationError, match=f"{CAMERAS[2].name} saw people in 102 frames"):
        check_shared(CAMERAS, crowds, shared)
    crowds[2] = crowd(range(0))
    with pytest.raises(CalibrationError, match=f"{CAMERAS[2].name} saw nobody"):
        check_shared(CAMERAS, crowds, shared)


def test_the_share_of_people_that_others_saw_is_of_those_they_could_have_seen() -> None:
    crowds = [crowd(range(10)), crowd(range(5), seed=1), crowd(range(5), seed=2)]
    rows = np.full((10, 3), -1)
    rows[:5, 0], rows[:4, 1], rows[:1, 2] = range(5), range(4), 0
    shares = matched(crowds, rows)
    assert shares == pytest.approx([1.0, 0.8, 0.2])  # five of the first's ten were before it alone
    with pytest.raises(CalibrationError, match=f"Only 10% of .* by {CAMERAS[2].name} match"):
        check_matched(CAMERAS, np.array([0.9, 0.5, 0.1]))
    check_matched(CAMERAS, np.array([0.9, 0.5, 0.3]))


def bodies(places: np.ndarray) -> np.ndarray:
    """(G, K, 3) people of about 1.7 m at these places of the floor."""
    body = np.random.default_rng(3).uniform((-0.25, -0.15, 0), (0.25, 0.15, 1.7), (17, 3))
    return body + np.pad(places, ((0, 0), (0, 1)))[:, None]


def test_people_who_stay_in_one_place_are_not_enough() -> None:
    rng = np.random.default_rng(4)
    with pytest.raises(DegenerateError, match="People hardly move"):
        check_places(bodies(rng.normal(0, 0.05, (50, 2))))
    check_places(bodies(rng.uniform(-2, 2, (50, 2))))


def test_people_on_whom_no_two_cameras_agree_are_not_enough() -> None:
    with pytest.raises(DegenerateError, match="No two cameras agree"):
        check_places(np.full((5, 17, 3), np.nan))
