"""What makes points landmarks, without labels. Lengths are shares of the picture's longer side.

None of these keeps points from resting on corners of the background, which warp as well as any and
are as far apart: equivariance, separation and concentration are satisfied there. Reconstruction
does, by what only the thing's landmarks can tell, and where the camera stands still, coverage.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.networks.landmarks import axis

ENOUGH = 0.005  # below it, distances are as good as none
APART = 0.06  # between two landmarks, from which on they do not push each other away
WIDE = 0.03  # standard deviation of a map along each axis, that costs nothing
OUTSIDE = 0.02  # how likely at least a place is the thing's, whatever is seen there
TINY = 1e-6
LITTLE = 0.004  # of colours 0..1: pictures that differ by less have nothing to explain


def equivariance(here: Tensor, back: Tensor, seen: Tensor, aspect: Tensor) -> Tensor:
    """How far landmarks of a warped picture, taken back by the warp, are from those of the picture
    (Thewlis et al., ICCV'17, equation 3): a distance rather than its square, as far points are
    most often those that found something else.

    here, back: (N, K, 2), -1..1. seen: (N, K) whether the warp left it in the picture. aspect: (2,)
    """
    away = distance(here, back, aspect)
    return (away * seen).sum() / seen.sum().clamp(min=1)


def distance(one: Tensor, other: Tensor, aspect: Tensor) -> Tensor:
    """(...) between (..., 2) places of -1..1, smooth at 0."""
    square = (((one - other) * aspect / 2) ** 2).sum(-1)
    return (square + ENOUGH**2).sqrt() - ENOUGH


def separation(places: Tensor) -> Tensor:
    """Two landmarks do not share a place (Zhang et al., CVPR'18, equation 7; here without a force
    between those that are apart).

    places: (N, K, D) in the plane or in space.
    """
    square = ((places[:, :, None] - places[:, None]) ** 2).sum(-1)
    away = (square + ENOUGH**2).sqrt() - ENOUGH
    close = (1 - away / APART).clamp(min=0) ** 2
    alone = 1 - torch.eye(places.shape[1], device=places.device)
    return (close * alone).sum((1, 2)).mean() / places.shape[1]


def concentration(maps: Tensor, xy: Tensor, aspect: Tensor) -> Tensor:
    """A map has one peak (Zhang et al., CVPR'18, equation 6): its standard deviation, as far as it
    is above WIDE.
    """
    x, y = axis(maps.shape[3], maps), axis(maps.shape[2], maps)
    across = (maps.sum(2) * (x - xy[..., :1]) ** 2).sum(2) * (aspect[0] / 2) ** 2
    down = (maps.sum(3) * (y - xy[..., 1:]) ** 2).sum(2) * (aspect[1] / 2) ** 2
    return ((across + down + TINY).sqrt() - WIDE * 2**0.5).clamp(min=0).mean()


def coverage(maps: Tensor, change: Tensor) -> Tensor:
    """Cross-entropy of all landmarks' maps together from where the picture differs from what is
    always there: none of it is far from every landmark, and no landmark far from all of it.

    change: (N, h, w), sums to 1, or to 0 where nothing changed.
    """
    together = maps.mean(1)
    return -(change * (together + 1e-4).log()).sum((1, 2)).mean()


def presence(maps: Tensor, likely: Tensor) -> Tensor:
    """Every landmark is where the thing is, -log of the probability: coverage alone is content with
    a few of them.

    likely: (N, h, w) 0..1, how far a place is known to be the thing's.
    """
    return -((maps * likely[:, None]).sum((2, 3)) + 1e-4).log().mean()


def inside(xy: Tensor, likely: Tensor) -> Tensor:
    """Every landmark's place is the thing's, -log of how likely: a map may be half on a thin part
    with its mean beside it.

    xy: (N, K, 2), -1..1. likely: (N, h, w) 0..1, in cells as fine as there are.
    """
    there = torch.nn.functional.grid_sample(likely[:, None], xy[:, :, None], align_corners=False)
    return -(there + OUTSIDE).log().mean()


def unexplained(made: Tensor, wanted: Tensor, before: Tensor) -> Tensor:
    """What a reconstruction leaves of the differences from `before`, 0..1: absolute, in full and in
    quarter resolution, by which what is far off is drawn nearer.
    """
    left = made.new_zeros(())
    for step in (1, 4):
        one, other, start = (
            torch.nn.functional.avg_pool2d(each, step) for each in (made, wanted, before)
        )
        left = left + (one - other).abs().mean() / ((start - other).abs().mean() + LITTLE)
    return left / 2
