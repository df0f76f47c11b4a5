"""Who is looked at when there is no time for all."""

import numpy as np
import pytest

from engines.parts.turns import Turns

SIZES = np.array([50, 90, 10, 30], np.float32)
ALL = np.ones(4, bool)


def run(turns: Turns, sets: int, ok: np.ndarray = ALL, side: np.ndarray = SIZES) -> np.ndarray:
    """How often each was looked at."""
    return np.sum([look(turns, side, ok) for _ in range(sets)], axis=0)


def look(turns: Turns, side: np.ndarray, ok: np.ndarray) -> np.ndarray:
    """Who of the wanted is looked at in a set."""
    return turns.chosen(side, ok) if turns.begin(int(ok.sum())) else np.zeros(len(ok), bool)


def paced(budget: float | None, pace: float = 0.01) -> Turns:
    turns = Turns(budget)
    turns.learn(9.0, 3)  # the first set warms up
    for _ in range(3):
        turns.learn(2 * pace, 2)
    return turns


def test_without_a_budget_or_with_time_enough_all_are_looked_at() -> None:
    wanted = np.array([True, False, True, True])
    for turns in (paced(None), paced(0.031), Turns(1e-9)):
        assert run(turns, 3, wanted).tolist() == [3, 0, 3, 3]


def test_half_the_places_are_the_largest_ones_the_others_go_round() -> None:
    """Time for two of four: the largest in each of six sets, each other in every third."""
    assert run(paced(0.0201), 6).tolist() == [2, 6, 2, 2]


def test_a_place_that_is_not_whole_is_saved_for_later_sets() -> None:
    """Time for one and a half of two: one of them in all, the other in every other set."""
    assert run(paced(0.015), 8, np.array([True, True, False, False])).sum() == 12


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_of_few_is_looked_at_in_every_third_set_at_least(count: int) -> None:
    few, turns = np.arange(4) < count, paced(1e-9)
    seen = np.array([run(turns, 3, few) for _ in range(4)])
    assert (seen == few).all()


def test_second_looks_are_paid_for_by_the_sets_that_follow() -> None:
    turns, looked = paced(0.01), []
    for _ in range(8):
        some = int(run(turns, 1).sum())
        looked.append(some)
        turns.learn(0.02, 2, some)
    assert looked == [1, 0] * 4


def test_sets_that_want_nobody_save_up_no_more_than_one_place() -> None:
    turns = paced(0.01)
    run(turns, 20, np.zeros(4, bool))
    for _ in range(20):
        turns.begin(4)
    assert run(turns, 1).sum() == 2


def test_two_that_change_sizes_all_the_time_still_take_turns() -> None:
    turns, both = paced(1e-9), np.array([True, True, False, False])
    seen = [look(turns, SIZES if n % 2 else SIZES[::-1], both) for n in range(12)]
    assert [one.tolist().index(True) for one in seen if one.any()] == [0, 1] * 4


def test_a_machine_that_is_slow_for_a_moment_is_not_thought_slow_for_long() -> None:
    turns = paced(0.0401)
    turns.learn(0.1, 1)
    assert run(turns, 1).sum() == 2
    turns.learn(0.04, 4)
    assert run(turns, 1).sum() == 4
