"""Stacked Hourglass (Newell et al., ECCV'16), named as bearpaw/pytorch-pose names it.

Every hourglass gives maps, which the loss goes by (intermediate supervision, section 3.3) and which
the next one gets; those of the last are the network's.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from engines.networks.single_person.on_resnet import Shapes, Size

WIDTH, DEPTH = 256, 4  # channels, halvings


class Residual(nn.Module):
    """Normalised before it is convolved (He et al., ECCV'16): 1x1, 3x3, 1x1, half as wide."""

    def __init__(self, given: int, out: int) -> None:
        super().__init__()
        inside = out // 2
        self.bn1, self.conv1 = nn.BatchNorm2d(given), nn.Conv2d(given, inside, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(inside), nn.Conv2d(inside, inside, 3, 1, 1)
        self.bn3, self.conv3 = nn.BatchNorm2d(inside), nn.Conv2d(inside, out, 1)
        self.downsample = nn.Sequential(nn.Conv2d(given, out, 1)) if given != out else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(torch.relu(self.bn1(x)))
        y = self.conv2(torch.relu(self.bn2(y)))
        y = self.conv3(torch.relu(self.bn3(y)))
        short: Tensor = x if self.downsample is None else self.downsample(x)
        return y + short


class Hourglass(nn.Module):
    """Down by halves and up again, with what each size has seen added on the way (figure 3)."""

    def __init__(self) -> None:
        super().__init__()
        # From the smallest size up: across, before the next smaller one, after it; at the bottom
        # one more.
        self.hg = nn.ModuleList(
            nn.ModuleList(nn.Sequential(Residual(WIDTH, WIDTH)) for _ in range(3 if level else 4))
            for level in range(DEPTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self._at(DEPTH - 1, x)

    def _at(self, level: int, x: Tensor) -> Tensor:
        across, before, after, *bottom = self.hg[level]
        small = before(nn.functional.max_pool2d(x, 2))
        small = self._at(level - 1, small) if level else bottom[0](small)
        up = nn.functional.interpolate(after(small), scale_factor=2.0, mode="nearest")
        result: Tensor = across(x) + up
        return result


class StackedHourglass(nn.Module):
    """(N, 3, H, W) -> (N, K, H / 4, W / 4); sides are multiples of 64."""

    def __init__(self, shapes: Shapes, size: Size, stacks: int = 8) -> None:
        super().__init__()
        keypoints = shapes["heatmaps"][0]
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(Residual(64, 128))
        self.layer2 = nn.Sequential(Residual(128, WIDTH))
        self.layer3 = nn.Sequential(Residual(WIDTH, WIDTH))
        self.hg = nn.ModuleList(Hourglass() for _ in range(stacks))
        self.res = nn.ModuleList(nn.Sequential(Residual(WIDTH, WIDTH)) for _ in range(stacks))
        self.fc = nn.ModuleList(
            nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 1), nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True))
            for _ in range(stacks)
        )
        self.score = nn.ModuleList(nn.Conv2d(WIDTH, keypoints, 1) for _ in range(stacks))
        self.fc_ = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 1) for _ in range(stacks - 1))
        self.score_ = nn.ModuleList(nn.Conv2d(keypoints, WIDTH, 1) for _ in range(stacks - 1))

    def stages(self, x: Tensor) -> list[Tensor]:
        """The maps of every hourglass, for the loss."""
        x = self.layer1(torch.relu(self.bn1(self.conv1(x))))
        x = self.layer3(self.layer2(nn.functional.max_pool2d(x, 2)))
        maps = []
        for n, (hourglass, residual) in enumerate(zip(self.hg, self.res, strict=True)):
            y = self.fc[n](residual(hourglass(x)))
            maps.append(self.score[n](y))
            if n < len(self.fc_):
                x = x + self.fc_[n](y) + self.score_[n](maps[-1])
        return maps

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.stages(x)[-1],)


hourglass_2, hourglass_4, hourglass_8 = (partial(StackedHourglass, stacks=n) for n in (2, 4, 8))
