"""Which pairs of cameras join a rig: a spanning tree (Kruskal 1956)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Edge(Protocol):
    """Two cameras by their numbers."""

    @property
    def first(self) -> int: ...
    @property
    def second(self) -> int: ...


E = TypeVar("E", bound=Edge)


def spanning_tree(count: int, edges: Iterable[E]) -> tuple[list[E], list[int]]:
    """Of edges, best first, those that join what was apart before; and the numbers, of `count`
    cameras, that they leave apart from the first one.
    """
    group = list(range(count))
    tree = []
    for edge in edges:
        a, b = group[edge.first], group[edge.second]
        if a != b:
            tree.append(edge)
            group = [a if own == b else own for own in group]
    return tree, [n for n in range(count) if group[n] != group[0]]
