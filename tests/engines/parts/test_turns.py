"""Who is looked at when there is no time for all."""

import numpy as np

from engines.parts.turns import Turns

SIZES = np.array([50, 90, 10, 30], np.float32)
ALL = np.ones(4, bool)


def run(turns: Turns, sets: int, ok: np.ndarray = ALL, side: np.ndarray = SIZES) -> np.ndarray:
    """How often each was looked at."""
    return np.sum([turns.chosen(side, ok) for _ in range(sets)], axis=0)


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


def test_one_alone_is_looked_at_in_every_other_set_at_least() -> None:
    alone = np.array([False, False, True, False])
    assert [run(turns, 1, alone)[2] for turns in [paced(1e-9)] for _ in range(6)] == [0, 1] * 3


def test_two_that_change_sizes_all_the_time_still_take_turns() -> None:
    turns, both = paced(1e-9), np.array([True, True, False, False])
    seen = [turns.chosen(SIZES if n % 2 else SIZES[::-1], both).tolist().index(True)
            for n in range(6)]  # fmt: skip
    assert seen == [0, 1] * 3


def test_a_machine_that_is_slow_for_a_moment_is_not_thought_slow_for_long() -> None:
    turns = paced(0.0401)
    turns.learn(0.1, 1)
    assert run(turns, 1).sum() == 2
    turns.learn(0.04, 4)
    assert run(turns, 1).sum() == 4
