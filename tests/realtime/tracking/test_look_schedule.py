"""When a followed camera's whole picture is looked at."""

from itertools import pairwise

import numpy as np
import pytest

from engines.types.poses import Poses
from realtime.tracking.look_schedule import (
    EMPTY_INTERVAL_S,
    LOST_INTERVAL_S,
    MAX_INTERVAL_S,
    MIN_INTERVAL_S,
    LookSchedule,
    crowded,
)
from tests.synth import SKELETON, person


def looks(
    rate: float, seconds: float, *, people: int = 1, changed: bool = False, lost: bool = False
) -> list[float]:
    """Times of the looks of a video of so many frames a second."""
    schedule, found = LookSchedule(), []
    for n in range(round(seconds * rate)):
        time = n / rate
        if schedule.due(time, people, lost=lost):
            schedule.looked(time, changed=changed)
            found.append(time)
    return found


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.parametrize("rate", [10, 25, 29.97, 30, 50, 120])
def test_somebody_new_is_never_missed_for_longer_than_the_latest_look(rate: float) -> None:
    times = looks(rate, 20)
    assert times[0] == 0
    assert max(gaps(times)) <= MAX_INTERVAL_S + 1 / rate
    assert len(times) <= 20 / (MAX_INTERVAL_S - 1 / rate) + 5


def test_looks_come_sooner_where_people_come_and_go() -> None:
    busy = looks(50, 20, changed=True)
    assert len(busy) > 1.5 * len(looks(50, 20))
    assert min(gaps(busy)) >= MIN_INTERVAL_S - 1e-3


def test_an_empty_picture_and_a_lost_person_are_looked_at_soon() -> None:
    assert max(gaps(looks(100, 5, people=0))) == pytest.approx(EMPTY_INTERVAL_S, abs=0.011)
    assert max(gaps(looks(100, 5, lost=True))) == pytest.approx(LOST_INTERVAL_S, abs=0.011)


def test_looks_are_rare_again_some_time_after_somebody_has_come() -> None:
    schedule, found = LookSchedule(), []
    for n in range(500):
        if schedule.due(n / 50, 1):
            found.append(n / 50)
            schedule.looked(n / 50, changed=len(found) == 6)
    after = gaps(found[5:])
    assert after[0] == pytest.approx(MIN_INTERVAL_S, abs=0.021)
    assert after[-1] == pytest.approx(MAX_INTERVAL_S, abs=0.021)
    np.testing.assert_allclose(after, sorted(after))


@pytest.mark.parametrize("rate", [10, 25, 30, 50])
def test_a_crowd_is_looked_at_in_every_second_frame(rate: float) -> None:
    schedule, found = LookSchedule(), []
    for n in range(40):
        due = [schedule.due(n / rate, 5, crowd=True) for _ in range(2)]
        assert due[0] == due[1]  # asked again, it is the same
        if due[0]:
            schedule.looked(n / rate, changed=False)
            found.append(n)
    assert found == [*range(0, 40, 2)]


def test_time_that_stands_or_runs_back_does_not_blind() -> None:
    schedule = LookSchedule()
    schedule.looked(100.0, changed=False)
    assert not schedule.due(100.0, 1)
    assert schedule.due(3.0, 1)


@pytest.mark.parametrize(
    ("places", "close"),
    [
        ([], False),
        ([(200, 200)], False),
        ([(200, 200), (260, 200)], True),  # shoulder to shoulder
        ([(200, 200), (200, 330)], True),  # one before the other
        ([(200, 200), (500, 200)], False),
        ([(200, 200), (500, 200), (540, 220)], True),
    ],
)
def test_people_are_crowded_where_a_crop_shows_two(
    places: list[tuple[float, float]], close: bool
) -> None:
    xy = np.array([person(place, 160) for place in places], np.float32).reshape(-1, 18, 2)
    people = Poses(SKELETON, xy, np.ones(xy.shape[:2], np.float32), np.ones(len(xy), np.float32))
    assert crowded(people) is close


def test_who_has_no_keypoints_crowds_nobody() -> None:
    xy = np.array([person((200, 200), 160), person((210, 200), 160)], np.float32)
    xy[1] = np.nan
    score = np.where(np.isnan(xy[..., 0]), 0, 1).astype(np.float32)
    assert not crowded(Poses(SKELETON, xy, score, np.ones(2, np.float32)))
