"""Our own crop network: EfficientNet-Lite0's trunk, and a map for each keypoint of one person."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.networks.depthwise import Depthwise

STEM = 32  # channels
# Of each stage of the trunk: blocks, kernel, stride, channels, and by how much a block expands
# them within (EfficientNet, ICML'19, table 1; Lite0 has ReLU6 and no squeeze-and-excitation). The
# last stage, made for classes, is left out.
STAGES = (
    (1, 3, 1, 16, 1),
    (2, 3, 2, 24, 6),
    (2, 5, 2, 40, 6),
    (3, 3, 2, 80, 6),
    (3, 5, 1, 112, 6),
    (4, 5, 2, 192, 6),
)
FROZEN = 2  # stages, down to stride 4
EPSILON = 1e-3  # of the normalisation, as the trunk was trained with
SIXTEENTH, HEAD = 128, 80  # channels of the way back, at strides 16 and 8
KEYPOINTS = 17
FEET, FEET_WIDTH = 4, 40  # keypoints of feet, and channels of what finds them
STRIDE = 4  # of the maps
FINE = 2  # cells of the maps along a cell of the features
SIGMA = 1.25  # cells, of a keypoint's peak
REACH = 3  # cells to each side that the peak's blur covers
PLACES = 6  # cells along a side of what is learnt of the coarsest map


class Convolution(nn.Sequential):
    """Convolution and batch normalisation, padded as TensorFlow does ("SAME")."""

    def __init__(
        self,
        inside: int,
        outside: int,
        size: int = 1,
        stride: int = 1,
        *,
        depthwise: bool = False,
    ) -> None:
        padding = size - stride
        parts: list[nn.Module] = []
        if padding % 2:
            before, after = padding // 2, padding - padding // 2
            parts.append(nn.ZeroPad2d((before, after, before, after)))
        inner = 0 if padding % 2 else padding // 2
        if depthwise:
            parts.append(Depthwise(outside, size, stride, inner))
        else:
            parts.append(nn.Conv2d(inside, outside, size, stride, inner, bias=False))
        parts.append(nn.BatchNorm2d(outside, eps=EPSILON))
        super().__init__(*parts)


def _relu6() -> nn.Module:
    return nn.ReLU6(inplace=True)


class InvertedResidual(nn.Module):
    """Wide within and narrow without (MobileNetV2, CVPR'18, section 3.3)."""

    def __init__(self, inside: int, outside: int, size: int, stride: int, wider: int) -> None:
        super().__init__()
        wide = inside * wider
        self.parts = nn.Sequential(
            *([Convolution(inside, wide), _relu6()] if wider > 1 else []),
            Convolution(wide, wide, size, stride, depthwise=True),
            _relu6(),
            Convolution(wide, outside),
        )
        self.short_cut = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.parts(x)
        return x + y if self.short_cut else y


class Residual(nn.Module):
    """Two dense 3x3 convolutions and a short cut (ResNet, CVPR'16, section 3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = Convolution(width, width, 3), Convolution(width, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class Trunk(nn.Module):
    """Pictures to features of strides 4, 8, 16 and 32 (24, 40, 112 and 192 channels)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(Convolution(3, STEM, 3, 2), _relu6())
        stages, inside = [], STEM
        for blocks, size, stride, outside, wider in STAGES:
            first = InvertedResidual(inside, outside, size, stride, wider)
            others = [InvertedResidual(outside, outside, size, 1, wider) for _ in range(blocks - 1)]
            stages.append(nn.Sequential(first, *others))
            inside = outside
        self.stages = nn.ModuleList(stages)
        for part in self.frozen():
            part.requires_grad_(False)
        self.train()

    def frozen(self) -> list[nn.Module]:
        """What learns nothing more: edges and spots are the same in all photos, and these layers
        of large maps are half the time of learning.
        """
        return [self.stem, *self.stages[:FROZEN]]

    def train(self, mode: bool = True) -> Self:
        """The frozen layers' normalisation stays what it was learnt as, too."""
        super().train(mode)
        for part in self.frozen():
            part.eval()
        return self

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        fourth = picture
        with torch.no_grad():
            for part in self.frozen():
                fourth = part(fourth)
        features = [fourth]
        for stage in self.stages[FROZEN:]:
            features.append(stage(features[-1]))
        return features[0], features[1], features[3], features[4]


class Feet(nn.Module):
    """Maps of heels and big toes, learnt when all else of the network is done."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            Convolution(HEAD, FEET_WIDTH, 3),
            nn.ReLU(inplace=True),
            Convolution(FEET_WIDTH, FEET_WIDTH, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(FEET_WIDTH, FEET * FINE**2, 1),
        )
        self.nowhere = nn.Linear(SIXTEENTH, FEET)

    def forward(self, shared: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
        """As CropNet's, of four keypoints."""
        return functional.pixel_shuffle(self.maps(shared), FINE), self.nowhere(whole)


class CropNet(nn.Module):
    """Crops of people to a probability for each place of each keypoint, or for none at all.

    From the trunk's coarsest features the way leads back up by adding (FPN, CVPR'17). What tells
    the person in the middle from neighbours is learnt values for each place of the coarsest map.
    Cells of stride 4 come from channels at stride 8 (ESPCN, CVPR'16, section 3.2). A keypoint's
    scores over all places and "nowhere" go through one softmax (SuperPoint, CVPRW'18, section 3.2).

    Input: (N, 3, H, W) RGB, normalised by the card's mean and scale, H and W multiples of 32.

    feet: with maps of heels and big toes after those of the body, from what the body's are made of.
    """

    def __init__(self, *, feet: bool = False) -> None:
        super().__init__()
        fourth, eighth, sixteenth, last = (STAGES[n][3] for n in (1, 2, 4, 5))
        self.trunk = Trunk()
        self.places = nn.Parameter(torch.zeros(1, last, PLACES, PLACES))
        self.from_last = Convolution(last, SIXTEENTH)
        self.at_sixteenth = Convolution(sixteenth, SIXTEENTH)
        self.sixteenth = Residual(SIXTEENTH)
        self.from_sixteenth = Convolution(SIXTEENTH, HEAD)
        self.at_eighth = Convolution(eighth, HEAD)
        self.from_fourth = Convolution(fourth, HEAD, 3, 2)
        self.head = Residual(HEAD)
        self.keypoints = nn.Conv2d(HEAD, KEYPOINTS * FINE**2, 1)
        self.nowhere = nn.Linear(SIXTEENTH, KEYPOINTS)
        self.feet = Feet() if feet else None

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """(N, K, H/4, W/4) scores of the places and (N, K) of "nowhere", before the softmax."""
        shared, whole = self.shared(picture)
        maps = functional.pixel_shuffle(self.keypoints(self.head(shared)), FINE)
        nowhere = self.nowhere(whole)
        if self.feet is None:
            return maps, nowhere
        feet, no_feet = self.feet(shared, whole)
        return torch.cat([maps, feet], 1), torch.cat([nowhere, no_feet], 1)

    def shared(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 80, H/8, W/8) features that all maps are made of, and (N, 128) of the whole crop."""
        fourth, eighth, sixteenth, last = self.trunk(picture)
        places = self.places
        if places.shape[-2:] != last.shape[-2:]:
            places = functional.interpolate(places, last.shape[-2:], mode="bilinear")
        up = _grown(self.from_last(last + places))
        middle = self.sixteenth(functional.relu(self.at_sixteenth(sixteenth) + up))
        fine = self.at_eighth(eighth) + self.from_fourth(fourth)
        return functional.relu(fine + _grown(self.from_sixteenth(middle))), middle.mean((2, 3))


def _grown(small: Tensor) -> Tensor:
    return functional.interpolate(small, scale_factor=2.0, mode="nearest")


def heatmaps(places: Tensor, nowhere: Tensor) -> Tensor:
    """(N, K, h, w) heat maps: each peak is as high as the keypoint is sure, 0..1.

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
