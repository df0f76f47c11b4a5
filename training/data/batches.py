"""Batches of crops with what the teacher sees in them, and people know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import torch

from engines.types.arrays import Floats, Image
from training.data.augmentation import Crop, crop, worsened
from training.data.photos import Photo
from training.data.target_maps import add_labels

Teaching = Callable[[Image], tuple[Floats, Floats, Floats]]


class MapBatch(NamedTuple):
    """(N, S, S, 3) pictures with the wanted (N, 19, S/8, S/8) and (N, 38, S/8, S/8) maps, and
    the teacher's (N, 128, S/8, S/8) features.

    Arrays, or tensors on the device where they were made.
    """

    pictures: Any
    heatmaps: Any
    pafs: Any
    features: Any


def make_batch(
    photos: Sequence[Photo],
    teach: Teaching,
    count: int,
    size: int,
    seed: tuple[int, ...],
    pool: Executor,
) -> MapBatch:
    """Always the same for the same seed. The teacher sees good pictures, the student worse ones."""

    def one(n: int) -> tuple[Crop, Image]:
        rng = np.random.default_rng((*seed, n))
        good = crop(photos, size, rng)
        return good, worsened(good.image, rng)

    good, worse = zip(*pool.map(one, range(count)), strict=True)
    heatmaps, pafs, features = teach(np.stack([one.image for one in good]))
    crops = np.repeat(np.arange(count), [len(one.persons) for one in good])
    persons = torch.from_numpy(np.concatenate([one.persons for one in good]))
    # The arrays are the teacher's own copies: the labels are drawn into them.
    add_labels(torch.from_numpy(heatmaps), torch.from_numpy(pafs), torch.from_numpy(crops), persons)
    return MapBatch(np.stack(worse), heatmaps, pafs, features)
