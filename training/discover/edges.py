"""Edges between landmarks, drawn as lines with weights that are learnt (AutoLink, He et al.,
NeurIPS'22), and the limbs that they, or lasting distances, give a skeleton.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.types.arrays import Doubles
from training.discover.warps import grid

TINY = 1e-8
STRONG = 0.5  # weight, as a share of the strongest, of an edge that is a limb beside the tree


def pairs(points: int) -> list[tuple[int, int]]:
    """All edges, in the order of their weights."""
    return list(combinations(range(points), 2))


def line_maps(
    start: Tensor, end: Tensor, size: tuple[int, int], wide: float, aspect: Tensor
) -> Tensor:
    """(N, E, 2) ends of -1..1 -> (N, E, h, w): exp(-d^2 / wide^2) of the distance d to the line
    between them (AutoLink, equation 2); `wide` is a share of the longer side.
    """
    cells = grid(*size).to(start)[:, None] * aspect / 2
    one, other = (end_[:, :, None, None] * aspect / 2 for end_ in (start, end))
    way = other - one
    along = ((cells - one) * way).sum(-1) / ((way**2).sum(-1) + TINY)
    nearest = one + along.clamp(0, 1)[..., None] * way
    return torch.exp(-((cells - nearest) ** 2).sum(-1) / wide**2)


def edge_features(
    xy: Tensor,
    weights: Tensor,
    descriptors: Tensor,
    size: tuple[int, int],
    wide: float,
    aspect: Tensor,
) -> tuple[Tensor, Tensor]:
    """(N, 1, h, w) the strongest edge at each place (AutoLink, equation 3), and (N, C, h, w) the
    descriptors of both of its ends, which tell edges from each other.

    weights: (E,) as learnt, before they are made positive.
    """
    edges = torch.tensor(pairs(xy.shape[1]), device=xy.device)
    lines = line_maps(xy[:, edges[:, 0]], xy[:, edges[:, 1]], size, wide, aspect)
    lines = lines * functional.softplus(weights)[:, None, None]
    both = (descriptors[:, edges[:, 0]] + descriptors[:, edges[:, 1]]) / 2
    spread = torch.einsum("nehw,nec->nchw", lines, both)
    return lines.amax(1, keepdim=True), spread


def limbs_of(strength: Doubles, count: int, *, learnt: bool) -> list[tuple[int, int]]:
    """Limbs from a strength for each of `pairs`: the tree with the highest sum over all landmarks
    (Kruskal), the strongest first; of edges that were learnt then what else is STRONG, as many as
    half of the landmarks at most.
    """
    edges = pairs(count)
    group = list(range(count))
    tree, others = [], []
    for n in np.argsort(-strength, kind="stable"):
        one, other = edges[n]
        if group[one] != group[other]:
            old, new = group[other], group[one]
            group = [new if g == old else g for g in group]
            tree.append(edges[n])
        elif strength[n] >= STRONG * strength.max():
            others.append(edges[n])
    return tree + (others[: count // 2] if learnt else [])


def rigidity(xy: Doubles) -> Doubles:
    """(E,) how well each pair keeps its distance over (F, K, 2) places: the less it changes, and
    the shorter it is, the higher. For skeletons whose edges were not learnt.
    """
    one, other = np.array(pairs(xy.shape[1])).T
    length = np.linalg.norm(xy[:, one] - xy[:, other], axis=2)
    size = np.ptp(xy.reshape(-1, 2), axis=0).max() + TINY
    return np.asarray(1 / (0.02 + length.std(0) / size + 0.2 * length.mean(0) / size))
