"""Batches of crops with what the teacher sees in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np

from engines.poses import Floats, Image
from training.augment import crop, worsened

Teaching = Callable[[Image], tuple[Floats, Floats]]


class Batch(NamedTuple):
    """(N, S, S, 3) pictures with the teacher's (N, 19, S/8, S/8) and (N, 38, S/8, S/8) maps.

    Arrays, or tensors on the device where they were made.
    """

    pictures: Any
    heatmaps: Any
    pafs: Any


def make_batch(
    photos: Sequence[Image],
    teach: Teaching,
    count: int,
    size: int,
    seed: tuple[int, ...],
    pool: Executor,
) -> Batch:
    """Always the same for the same seed. The teacher sees good pictures, the student worse ones."""

    def one(n: int) -> tuple[Image, Image]:
        rng = np.random.default_rng((*seed, n))
        good = crop(photos, size, rng)
        return good, worsened(good, rng)

    good, worse = zip(*pool.map(one, range(count)), strict=True)
    return Batch(np.stack(worse), *teach(np.stack(good)))
