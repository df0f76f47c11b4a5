"""A small U-Net that finds landmarks nobody labelled: a map a landmark, read by its mean place."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 4  # picture pixels a cell of the maps
MULTIPLE = 16  # of which sides of pictures must be multiples
POOLED = 2  # pixels along a side that are averaged first: what scales pictures skips most of them
WIDTHS = (16, 32, 64, 96)  # channels at strides 2, 4, 8 and 16
PEAK_CELLS = 5  # along a side: the share of a map within is how sure its landmark is
SURE, UNSURE = 0.9, 0.2  # such shares, of a landmark that is there for sure and of one that is not


class Found(NamedTuple):
    """Landmarks of N pictures, x and y from -1 at the left (top) edge to 1 at the right (bottom).

    xy: (N, K, 2). maps: (N, K, h, w), each sums to 1. depth: (N, K) as the network says, or None.
    logits: (N, K, h, w), the maps before the softmax. features: (N, C, h, w) that they come from.
    """

    xy: Tensor
    maps: Tensor
    depth: Tensor | None
    logits: Tensor
    features: Tensor

    def some(self, which: slice) -> Found:
        """Of these pictures."""
        return Found(*(None if one is None else one[which] for one in self))


class Block(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, inside: int, outside: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inside, outside, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    """(N, 3, H, W) in 0..1 -> (N, channels, H / 4, W / 4) (Ronneberger et al., MICCAI'15, with sums
    in place of concatenations); sides are multiples of 16.
    """

    def __init__(self) -> None:
        super().__init__()
        half, fourth, eighth, sixteenth = WIDTHS
        self.fourth = nn.Sequential(
            Block(3, half, 2), Block(half, fourth, 2), Block(fourth, fourth)
        )
        self.eighth = nn.Sequential(Block(fourth, eighth, 2), Block(eighth, eighth))
        self.sixteenth = nn.Sequential(
            Block(eighth, sixteenth, 2), Block(sixteenth, sixteenth), Block(sixteenth, sixteenth)
        )
        self.to_eighth = nn.Conv2d(sixteenth, eighth, 1)
        self.at_eighth = Block(eighth, eighth)
        self.to_fourth = nn.Conv2d(eighth, fourth, 1)
        self.at_fourth = Block(fourth, fourth)
        self.channels = fourth

    def forward(self, x: Tensor) -> Tensor:
        fourth = self.fourth(x - 0.5)
        eighth = self.eighth(fourth)
        low = self.to_eighth(self.sixteenth(eighth))
        middle = self.at_eighth(eighth + _grown(low))
        out: Tensor = self.at_fourth(fourth + _grown(self.to_fourth(middle)))
        return out


class LandmarkNet(nn.Module):
    """Pictures to K landmarks: each the mean place of its map (soft-argmax), with its depth where
    that is learnt: the mean of a depth map under the same weights (Keypoint3D, Chen et al.,
    ICML'21, section 3.2).

    features: (N, 3, H, W) pictures in 0..1 to (N, its `channels`, H / 4, W / 4); None = a U-Net.
    """

    def __init__(
        self, points: int, *, deep: bool = False, features: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.features = UNet() if features is None else features
        self.points, self.deep = points, deep
        self.channels: int = self.features.channels
        self.head = nn.Conv2d(self.channels, points * (2 if deep else 1), 1)

    def forward(self, pictures: Tensor) -> Found:
        features = self.features(pictures)
        out = self.head(features).float()
        logits = out[:, : self.points]
        maps = logits.flatten(2).softmax(2).reshape(logits.shape)
        # Were the maps not left alone, landmarks would go where depths are easily told.
        depth = (out[:, self.points :] * maps.detach()).sum((2, 3)) if self.deep else None
        return Found(mean_place(maps), maps, depth, logits, features)


class Shipped(nn.Module):
    """What a card runs: (N, 3, 2H, 2W) pixels to (N, 1, K, 3): x, y as shares of the sides, and how
    sure each is: the share of its map around the peak.
    """

    def __init__(self, network: LandmarkNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        found = self.network(functional.avg_pool2d(pixels, POOLED) / 255)
        share = (found.xy + 1) / 2
        return torch.cat([share, sureness(found.maps)[..., None]], 2)[:, None]


def mean_place(maps: Tensor) -> Tensor:
    """(N, K, h, w) maps that sum to 1 -> (N, K, 2) mean x, y, -1 to 1 from edge to edge."""
    x, y = axis(maps.shape[3], maps), axis(maps.shape[2], maps)
    return torch.stack([(maps.sum(2) * x).sum(2), (maps.sum(3) * y).sum(2)], 2)


def axis(cells: int, like: Tensor) -> Tensor:
    """(cells,) centres of cells along a side from -1 to 1."""
    return (torch.arange(cells, dtype=torch.float32, device=like.device) * 2 + 1) / cells - 1


def sureness(maps: Tensor) -> Tensor:
    """(N, K) 0..1, from the share of each map that is within PEAK_CELLS cells at its peak."""
    near = functional.avg_pool2d(maps, PEAK_CELLS, 1, PEAK_CELLS // 2) * PEAK_CELLS**2
    return ((near.amax((2, 3)) - UNSURE) / (SURE - UNSURE)).clamp(0, 1)


def _grown(small: Tensor) -> Tensor:
    return functional.interpolate(small, scale_factor=2.0, mode="nearest")
