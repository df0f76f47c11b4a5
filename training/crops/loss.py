"""What is wanted of the crop network's maps, and how far they are from it."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.networks.cropnet import SIGMA, STRIDE


def wanted(xy: Tensor, score: Tensor, cells: tuple[int, int]) -> Tensor:
    """(N, K, h w + 1) shares that add up to one: around (N, K, 2) points, the last "nowhere".

    cells: (h, w) of the maps. The point's share is its (N, K) score, a Gaussian over the cells;
    what its score lacks of one is nowhere.
    """
    at = (xy + 0.5) / STRIDE - 0.5
    along, down = (_bell(at[..., axis], cells[1 - axis]) for axis in range(2))
    places = down[..., :, None] * along[..., None, :]
    share = score * (places.sum((-1, -2)) > 0.5)
    return torch.cat([(places * share[..., None, None]).flatten(2), 1 - share[..., None]], 2)


def _bell(at: Tensor, cells: int) -> Tensor:
    """(N, K, cells) a Gaussian around (N, K) that adds up to one, or to nothing outside."""
    away = torch.arange(cells, device=at.device, dtype=at.dtype) - at[..., None]
    bell = (-away.nan_to_num(cells * 4.0).square() / (2 * SIGMA**2)).exp()
    return bell / bell.sum(-1, keepdim=True).clamp(min=1e-6)


def crop_loss(places: Tensor, nowhere: Tensor, xy: Tensor, score: Tensor, weight: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the maps from what is wanted, weighted mean over the points.

    places: (N, K, h, w), nowhere: (N, K), the network's outputs. xy, score, weight: (N, K, ...).
    """
    want = wanted(xy, score, (places.shape[-2], places.shape[-1]))
    have = torch.cat([places.flatten(2), nowhere[..., None]], 2).log_softmax(2)
    each = (torch.special.xlogy(want, want) - want * have).sum(2)
    return (each * weight).sum() / weight.sum().clamp(min=1)
