"""Crops as the feet's branch sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engines.networks.cropnet import CropNet
from engines.types.arrays import Floats
from training.crops.head import prepared
from training.crops.people import BODY
from training.crops.samples import CropBatch


@dataclass(frozen=True)
class Shared:
    """N crops as the feet's branch sees them: (N, 80, h, w) features, (N, 128) of the whole crop,
    and what is wanted: (N, 4, 2) places, (N, 4) scores and (N, 4) weights. height: (N,) pixels of
    the person.
    """

    features: Tensor
    whole: Tensor
    xy: Floats
    score: Floats
    weight: Floats
    height: Floats

    @classmethod
    def of(cls, network: CropNet, batches: Iterator[CropBatch]) -> Shared:
        """Features by the network as it is, in half precision: they are many."""
        network.eval()
        parts: list[tuple[Tensor, Tensor]] = []
        wanted: list[tuple[Floats, Floats, Floats]] = []
        for batch in batches:
            with torch.inference_mode():
                shared, whole = network.shared(prepared(batch.images))
            parts.append((shared.half(), whole))
            wanted.append((batch.xy, batch.score, batch.weight))
        features, whole = (torch.cat(one) for one in zip(*parts, strict=True))
        xy, score, weight = (np.concatenate(one) for one in zip(*wanted, strict=True))
        height = np.nanmax(xy[:, :BODY, 1], 1) - np.nanmin(xy[:, :BODY, 1], 1)
        at = slice(BODY, None)
        return cls(features, whole, xy[:, at], score[:, at], weight[:, at], height)
