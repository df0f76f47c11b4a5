"""Our own crop network: PafNet's trunk, and a map a keypoint for the one person in the middle."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (24, 40, 96, 160, 256)  # channels at strides 2, 4, 8, 16 and 32, as in PafNet
HEAD = 80
KEYPOINTS = 17
STRIDE = 4  # of the maps
FINE = 2  # cells of the maps along a cell of the features
SIGMA = 1.25  # cells, of a keypoint's peak
REACH = 3  # cells to each side that the peak's blur covers
PLACES = 6  # cells of the coarsest map along a side of the usual input


def _conv(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 3, stride, 1), nn.ReLU(inplace=True))


class FusedResidual(nn.Module):
    """PafNet's residual, its normalisation within the two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width)
        self.second = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


class CropNet(nn.Module):
    """Crops of people to a probability for each place of each keypoint, or for none at all.

    PafNet's trunk without its normalisation (it starts from trained weights, which have that
    within them) and with one residual less at stride 32. What tells the person in the middle from
    neighbours is learnt values for each place of the coarsest map. Cells of stride 4 come from
    channels at stride 8 (ESPCN, CVPR'16, section 3.2). A keypoint's scores over all places and
    "nowhere" go through one softmax (SuperPoint, CVPRW'18, section 3.2).

    Input: (N, 3, S, S) BGR, normalised as PafNet's, S a multiple of 32, made for 192.
    """

    def __init__(self) -> None:
        super().__init__()
        stem, quarter, eighth, sixteenth, last = WIDTHS
        self.stem = nn.Sequential(_conv(3, stem, 2), _conv(stem, quarter, 2))
        self.quarter = FusedResidual(quarter)
        self.eighth = nn.Sequential(_conv(quarter, eighth, 2), FusedResidual(eighth))
        self.sixteenth = nn.Sequential(
            _conv(eighth, sixteenth, 2), FusedResidual(sixteenth), FusedResidual(sixteenth)
        )
        self.down = _conv(sixteenth, last, 2)
        self.places = nn.Parameter(torch.zeros(1, last, PLACES, PLACES))
        self.last = FusedResidual(last)
        self.from_last = nn.Conv2d(last, sixteenth, 1)
        self.from_sixteenth = nn.Conv2d(sixteenth, HEAD, 1)
        self.from_eighth = nn.Conv2d(eighth, HEAD, 1)
        self.head = _conv(HEAD, HEAD)
        self.keypoints = nn.Conv2d(HEAD, KEYPOINTS * FINE**2, 1)
        self.nowhere = nn.Linear(last, KEYPOINTS)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 17, S/4, S/4) scores of the places and (N, 17) of "nowhere", before the softmax."""
        eighth = self.eighth(self.quarter(self.stem(picture)))
        sixteenth = self.sixteenth(eighth)
        down = self.down(sixteenth)
        places = self.places
        if places.shape[-2:] != down.shape[-2:]:
            places = functional.interpolate(places, down.shape[-2:], mode="bilinear")
        last = self.last(down + places)
        sixteenth = sixteenth + _grown(self.from_last(last))
        features = self.from_eighth(eighth) + _grown(self.from_sixteenth(sixteenth))
        maps = functional.pixel_shuffle(self.keypoints(self.head(functional.relu(features))), FINE)
        return maps, self.nowhere(last.mean((2, 3)))


def _grown(small: Tensor) -> Tensor:
    return functional.interpolate(small, scale_factor=2.0, mode="nearest")


def heatmaps(places: Tensor, nowhere: Tensor) -> Tensor:
    """(N, 17, h, w) heat maps: each peak is as high as the keypoint is sure, 0..1.

    The probabilities, gathered from about each place (a Gaussian as wide as the one learnt), so
    that a peak that is exactly what was learnt is as high as its share of the probability.
    """
    keypoints, high, wide = places.shape[1:]
    every = torch.cat([places.flatten(2), nowhere[..., None]], 2).softmax(2)[..., :-1]
    along = np.arange(-REACH, REACH + 1)
    bell = np.exp(-(along**2) / (2 * SIGMA**2))
    bell *= math.sqrt(4 * math.pi) * SIGMA / bell.sum()
    # A constant for the exporter, which cannot follow how it came about.
    kernel = np.tile(bell[:, None] * bell, (keypoints, 1, 1, 1)).astype(np.float32)
    maps = every.reshape(-1, keypoints, high, wide)
    return functional.conv2d(
        maps, torch.from_numpy(kernel).to(maps), padding=REACH, groups=keypoints
    )
