"""Our own bottom-up network: a small residual trunk, and OpenPose's two heads on top of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (24, 40, 96, 160, 256)  # channels at strides 2, 4, 8, 16 and 32
HEAD = 80


def _conv(inside: int, outside: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3x3 convolutions and a short cut (ResNet, CVPR'16, section 3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


class PafNet(nn.Module):
    """Pictures to part affinity fields and heat maps at stride 8, fields first.

    The trunk goes down to stride 32, where a small crop of a person is a handful of cells, and
    comes back by adding up (FPN, CVPR'17): far context is cheap there, and dense 3x3 convolutions
    are what CPUs and GPUs alike run and train fastest. The heat maps see the fields, as in
    OpenPose (TPAMI'19, section 3.2): knowing the limbs, their ends are easy to find.

    Input: (N, 3, H, W) BGR, normalised by the card's mean and scale, H and W multiples of 8.
    Output: heat maps (N, 19, H/8, W/8), the last one background, and fields (N, 38, H/8, W/8).
    """

    def __init__(self, heatmaps: int = 19, pafs: int = 38) -> None:
        super().__init__()
        stem, quarter, eighth, sixteenth, last = WIDTHS
        self.stem = nn.Sequential(_conv(3, stem, stride=2), _conv(stem, quarter, stride=2))
        self.quarter = Residual(quarter)
        self.eighth = nn.Sequential(_conv(quarter, eighth, stride=2), Residual(eighth))
        self.sixteenth = nn.Sequential(
            _conv(eighth, sixteenth, stride=2), Residual(sixteenth), Residual(sixteenth)
        )
        self.last = nn.Sequential(_conv(sixteenth, last, stride=2), Residual(last), Residual(last))
        self.from_last = nn.Conv2d(last, sixteenth, 1)
        self.from_sixteenth = nn.Conv2d(sixteenth, HEAD, 1)
        self.from_eighth = nn.Conv2d(eighth, HEAD, 1)
        self.paf_head = nn.Sequential(_conv(HEAD, HEAD), Residual(HEAD), nn.Conv2d(HEAD, pafs, 1))
        self.heat_head = nn.Sequential(
            _conv(HEAD + pafs, HEAD), Residual(HEAD), nn.Conv2d(HEAD, heatmaps, 1)
        )

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        return self.heads(self.features(picture))

    def stages(self, picture: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Heat maps and fields of its only stage, as OpenPose's networks have several."""
        heatmaps, pafs = self(picture)
        return [heatmaps], [pafs]

    def features(self, picture: Tensor) -> Tensor:
        """(N, HEAD, H/8, W/8), what both heads see."""
        eighth = self.eighth(self.quarter(self.stem(picture)))
        sixteenth = self.sixteenth(eighth)
        last = self.last(sixteenth)
        sixteenth = sixteenth + _grown(self.from_last(last), sixteenth)
        features = self.from_eighth(eighth)
        features = features + _grown(self.from_sixteenth(sixteenth), features)
        return functional.relu(features)

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Heat maps and fields."""
        pafs = self.paf_head(features)
        heatmaps = self.heat_head(torch.cat([features, pafs], 1))
        return heatmaps, pafs


def _grown(small: Tensor, like: Tensor) -> Tensor:
    """To the size of another map, which is twice as large, or one less."""
    return functional.interpolate(small, size=like.shape[-2:], mode="nearest")
