"""OpenPose's loss: squared distances to the wanted maps, of every stage (CVPR'17, eq. 3 to 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Wanted(NamedTuple):
    """Of N pictures: (N, K + 1, h, w) maps, (N, 2L, h, w) fields, and W(p) of each, in the same
    shapes.
    """

    maps: Tensor
    fields: Tensor
    maps_weight: Tensor
    fields_weight: Tensor


def stage_loss(found: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """One stage's, eq. 3 and 4: the sum over channels and places p of W(p) (found - wanted)^2, a
    picture.
    """
    return (weight * (found - wanted).square()).sum() / len(found)


def stages_loss(maps: Sequence[Tensor], fields: Sequence[Tensor], wanted: Wanted) -> Tensor:
    """Eq. 5: the sum over all stages, each of which is supervised so that its gradient does not
    vanish on the way back.
    """
    losses = [
        *(stage_loss(one, wanted.maps, wanted.maps_weight) for one in maps),
        *(stage_loss(one, wanted.fields, wanted.fields_weight) for one in fields),
    ]
    return torch.stack(losses).sum()
