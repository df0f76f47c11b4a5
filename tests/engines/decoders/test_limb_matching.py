"""Greedy and Hungarian matching against scipy's assignment, on tables made at random."""

from collections import defaultdict

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from engines.decoders.limb_matching import MAX_TOGETHER, Match, Matching, match_limbs
from engines.types.poses import Candidates

WEIGHT = 0.3
LIMBS = [(0, 1), (1, 2), (3, 2)]  # the second shares a type with each of the others


def candidates(rng: np.random.Generator, most: int, share: float) -> Candidates:
    """Peaks of four types, up to `most` of each, and this share of all pairs."""
    counts = rng.integers(0, most + 1, 4)
    starts = np.concatenate([[0], np.cumsum(counts)])
    peaks = rng.random((starts[-1], 4))
    peaks[:, 0] = np.repeat(np.arange(4), counts)
    pairs = [
        (limb, starts[a] + i, starts[b] + j, rng.uniform(0.05, 1))
        for limb, (a, b) in enumerate(LIMBS)
        for i in range(counts[a])
        for j in range(counts[b])
        if rng.random() < share
    ]
    table = np.array(pairs, np.float32).reshape(-1, 4)
    return Candidates(peaks.astype(np.float32), rng.permutation(table))


def ranks(evidence: Candidates) -> dict[tuple[int, int, int], float]:
    """Of each pair, by limb and ends."""
    score = evidence.peaks[:, 3].astype(float)
    return {
        (int(limb), int(a), int(b)): float(own) + WEIGHT * (score[int(a)] + score[int(b)])
        for limb, a, b, own in evidence.pairs
    }


def totals(evidence: Candidates, matches: list[Match]) -> list[float]:
    """The sum of the ranks of each limb type's matches, which must be one-to-one."""
    rank, sums, taken = ranks(evidence), [0.0] * len(LIMBS), set()
    for limb, first, second, _ in matches:
        sums[limb] += rank[limb, first, second]
        taken |= {(limb, first), (limb, second)}
    assert len(taken) == 2 * len(matches)
    return sums


def best_totals(evidence: Candidates) -> list[float]:
    """The highest sums that there are, by scipy on the whole table of each limb type."""
    tables: dict[int, np.ndarray] = defaultdict(lambda: np.zeros([len(evidence.peaks)] * 2))
    for (limb, first, second), rank in ranks(evidence).items():
        tables[limb][first, second] = rank
    return [
        float(table[linear_sum_assignment(table, maximize=True)].sum())
        for table in (tables[limb] for limb in range(len(LIMBS)))
    ]


@pytest.mark.parametrize(("most", "share", "count"), [(5, 0.5, 600), (7, 1.0, 250), (16, 0.9, 150)])
def test_hungarian_is_the_best_there_is(most: int, share: float, count: int) -> None:
    rng = np.random.default_rng(most)
    better, large = 0, 0
    for _ in range(count):
        evidence = candidates(rng, most, share)
        own = totals(evidence, match_limbs(evidence, WEIGHT, "hungarian"))
        greedy = totals(evidence, match_limbs(evidence, WEIGHT, "greedy"))
        assert own == pytest.approx(best_totals(evidence), abs=1e-5)
        assert all(mine >= other - 1e-5 for mine, other in zip(own, greedy, strict=True))
        better += sum(own) > sum(greedy) + 1e-4
        large += len(evidence.pairs) > MAX_TOGETHER
    assert better > count / 10  # else the tables held no conflict
    assert (large > 0) == (most > 7)  # both ways to solve were gone


@pytest.mark.parametrize("matching", ["greedy", "hungarian"])
def test_matches_come_by_limb_and_the_strongest_first(matching: Matching) -> None:
    evidence = candidates(np.random.default_rng(4), 16, 0.7)
    found = match_limbs(evidence, WEIGHT, matching)
    rank = ranks(evidence)
    order = [(limb, -rank[limb, first, second]) for limb, first, second, _ in found]
    assert len(found) > 8
    assert order == sorted(order)


@pytest.mark.parametrize("matching", ["greedy", "hungarian"])
def test_without_pairs_there_are_no_limbs(matching: Matching) -> None:
    empty = np.zeros((0, 4), np.float32)
    assert match_limbs(Candidates(empty, empty), WEIGHT, matching) == []


def test_two_good_limbs_outweigh_the_best_one() -> None:
    peaks = np.array([[0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 0]], np.float32)
    pairs = np.array([[0, 0, 2, 0.7], [0, 0, 3, 0.9], [0, 1, 2, 0.3], [0, 1, 3, 0.8]], np.float32)
    evidence = Candidates(peaks, pairs)
    assert [m[1:3] for m in match_limbs(evidence, WEIGHT, "greedy")] == [(0, 3), (1, 2)]
    assert [m[1:3] for m in match_limbs(evidence, WEIGHT, "hungarian")] == [(1, 3), (0, 2)]
