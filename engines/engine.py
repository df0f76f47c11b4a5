"""The seam to whatever finds people in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engines.card import Card
from engines.poses import Candidates, Image, Poses


class Estimator(Protocol):
    """Pictures in, people out, in two verbs for two threads.

    `submit` and `result` belong to the thread that made it: submit up to `depth` sets of pictures
    (one a camera) before taking the results, which come in order. `decode` is pure.
    """

    depth: int
    card: Card
    precision: str

    def submit(self, images: Sequence[Image]) -> None: ...
    def result(self) -> list[Candidates]: ...
    def decode(self, candidates: Candidates) -> Poses: ...
    def close(self) -> None: ...
