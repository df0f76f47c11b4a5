"""When a followed camera's whole picture is looked at."""

from itertools import pairwise

import pytest

from realtime.tracking.look_schedule import (
    EMPTY_INTERVAL_S,
    LOST_INTERVAL_S,
    MAX_INTERVAL_S,
    MIN_INTERVAL_S,
    LookSchedule,
)


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


def test_time_that_stands_or_runs_back_does_not_blind() -> None:
    schedule = LookSchedule()
    schedule.looked(100.0, changed=False)
    assert not schedule.due(100.0, 1)
    assert schedule.due(3.0, 1)
