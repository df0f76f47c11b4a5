"""What joins cameras, against scipy's spanning tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from calibration.geometry.spanning_tree import spanning_tree

csgraph = pytest.importorskip("scipy.sparse.csgraph")


@dataclass(frozen=True)
class Way:
    """Two cameras and how much it costs to go from one to the other."""

    first: int
    second: int
    cost: float


def test_it_is_as_cheap_as_scipy_has_it() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        costs = np.triu(rng.uniform(1, 2, (7, 7)), 1)
        ways = [Way(int(a), int(b), costs[a, b]) for a, b in np.argwhere(costs)]
        tree, apart = spanning_tree(7, sorted(ways, key=lambda one: one.cost))
        assert len(tree) == 6
        assert apart == []
        theirs = csgraph.minimum_spanning_tree(costs).sum()
        assert sum(one.cost for one in tree) == pytest.approx(theirs)


def test_cameras_that_nothing_joins_are_named() -> None:
    tree, apart = spanning_tree(5, [Way(0, 2, 1), Way(2, 0, 2), Way(1, 4, 3)])
    assert tree == [Way(0, 2, 1), Way(1, 4, 3)]
    assert apart == [1, 3, 4]
