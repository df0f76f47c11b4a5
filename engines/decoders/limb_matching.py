"""Which pairs of peaks are limbs: every peak has one partner at most in each limb type.

Greedy by rank: OpenPose, CVPR'17, section 2.4. Hungarian: the best total of ranks, equation 13 of
the same section, solved exactly (Jonker and Volgenant, Computing 38, 1987).
"""

from __future__ import annotations

from typing import Literal

import lap
import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats, Ints
from engines.types.poses import Candidates

Matching = Literal["greedy", "hungarian"]
Match = tuple[int, int, int, float]  # limb, first peak, second peak, field score
MAX_TOGETHER = 200  # pairs of all limb types that are solved at once: a call costs as much as 20


def match_limbs(
    candidates: Candidates, peak_weight: float, matching: Matching = "greedy"
) -> list[Match]:
    """Best one-to-one connections of each limb type: (limb, first peak, second peak, score).

    A pair's rank is its field score plus `peak_weight` x the scores of both peaks. Greedy takes the
    pair of the highest rank first; hungarian those pairs whose ranks have the highest sum. Both
    answer sorted by limb, then by falling rank.
    """
    pairs = candidates.pairs
    ends = pairs[:, 1:3].astype(np.intp)
    rank = pairs[:, 3] + peak_weight * candidates.peaks[ends, 3].sum(axis=1)
    order = np.lexsort((-rank, pairs[:, 0]))
    if matching == "hungarian":
        limb = pairs[:, 0].astype(np.intp)
        order = order[_best_pairs(limb, ends, rank, len(candidates.peaks))[order]]
    taken: set[tuple[int, int]] = set()
    matches = []
    chosen = zip(
        pairs[order, 0].astype(int).tolist(),
        ends[order].tolist(),
        pairs[order, 3].tolist(),
        strict=True,
    )
    for limb, (first, second), score in chosen:
        # First and second peak differ in type, so one set per limb serves both ends.
        if (limb, first) in taken or (limb, second) in taken:
            continue
        taken.add((limb, first))
        taken.add((limb, second))
        matches.append((limb, first, second, score))
    return matches


def _best_pairs(limb: Ints, ends: Ints, rank: Floats, peaks: int) -> NDArray[np.bool_]:
    """(Q,) which pairs make the highest sum of ranks in each limb type.

    Where nobody else wants either end there is nothing to choose; few pairs are left to solve for.
    """
    first, second = limb * peaks + ends.T  # an end in its limb type
    keep = rank > 0
    wanted = np.bincount(first[keep]), np.bincount(second[keep])
    contested = np.flatnonzero(keep)
    first, second = first[contested], second[contested]
    many = (wanted[0][first] > 1) | (wanted[1][second] > 1)
    contested, first, second = contested[many], first[many], second[many]
    if 0 < len(contested) <= MAX_TOGETHER:
        keep[contested] = _highest_sum(first, second, rank[contested])
    elif len(contested):
        own = limb[contested]
        for one in np.unique(own):
            part = np.flatnonzero(own == one)
            keep[contested[part]] = _highest_sum(first[part], second[part], rank[contested[part]])
    return keep


def _highest_sum(first: Ints, second: Ints, rank: Floats) -> NDArray[np.bool_]:
    """(Q,) which of the pairs share no end and have the highest sum of positive ranks."""
    rows, row = _numbered(first)
    columns, column = _numbered(second)
    costs = np.zeros((rows, columns))  # what is no pair is worth nothing
    costs[row, column] = -rank
    _, partner, _ = lap.lapjv(costs, extend_cost=True)
    chosen: NDArray[np.bool_] = partner[row] == column
    return chosen


def _numbered(keys: Ints) -> tuple[int, Ints]:
    """How many different keys there are, and the number of each; np.unique takes five times as long
    for the few that there are.
    """
    there = np.zeros(keys.max() + 1, np.intp)
    there[keys] = 1
    number = np.cumsum(there) - 1
    return int(number[-1]) + 1, number[keys]
