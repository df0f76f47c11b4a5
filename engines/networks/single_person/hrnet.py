"""HRNet (Sun et al., CVPR'19, section 3), named as the authors' release and MMPose name it.

Several resolutions side by side, which exchange what they see again and again; the maps are those
of the finest.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from engines.networks.single_person.on_resnet import Shapes, Size
from engines.networks.single_person.resnet import conv_bn, conv_bn_relu, layer

STAGES = {2: 1, 3: 4, 4: 3}  # exchanges of each stage, which has as many resolutions as its number
BLOCKS = 4


class Basic(nn.Module):
    """Two 3x3 convolutions around a short cut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + x)


def _to(widths: list[int], origin: int, target: int) -> nn.Module | None:
    """What brings a resolution to another: up by nearest cells, down by strides (figure 3)."""
    a, b = widths[origin], widths[target]
    if origin == target:
        return None
    if origin > target:
        up = nn.Upsample(scale_factor=2 ** (origin - target), mode="nearest")
        return nn.Sequential(*conv_bn(a, b, 1), up)
    down = [conv_bn_relu(a, a, 3, 2) for _ in range(target - origin - 1)]
    return nn.Sequential(*down, conv_bn(a, b, 3, 2))


class Exchange(nn.Module):
    """Each resolution by itself, then all to all; to the finest alone where only that goes on."""

    def __init__(self, widths: list[int], *, finest: bool = False) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(Basic(width) for _ in range(BLOCKS))) for width in widths
        )
        every = range(len(widths))
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_to(widths, origin, target) for origin in every)
            for target in (every[:1] if finest else every)
        )

    def forward(self, given: list[Tensor]) -> list[Tensor]:
        own = [branch(x) for branch, x in zip(self.branches, given, strict=True)]
        out = []
        for row in self.fuse_layers:
            brought = (x if way is None else way(x) for way, x in zip(row, own, strict=True))
            total: Tensor = sum(brought)
            out.append(torch.relu(total))
        return out


class HRNet(nn.Module):
    """(N, 3, H, W) -> (N, K, H / 4, W / 4); width: channels of the finest resolution."""

    def __init__(self, shapes: Shapes, size: Size, width: int = 32) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64)
        self.conv2, self.bn2 = nn.Conv2d(64, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64)
        self.layer1 = layer(64, 64, BLOCKS)
        widths = {stage: [width * 2**n for n in range(stage)] for stage in STAGES}
        for before, stage in pairwise((1, *STAGES)):
            had = [256] if before == 1 else widths[before]
            self.add_module(f"transition{before}", _transition(had, widths[stage]))
            count = STAGES[stage]
            exchanges = (
                Exchange(widths[stage], finest=stage == max(STAGES) and n == count - 1)
                for n in range(count)
            )
            self.add_module(f"stage{stage}", nn.Sequential(*exchanges))
        self.final_layer = nn.Conv2d(width, shapes["heatmaps"][0], 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        several = [self.layer1(x)]
        for before, stage in pairwise((1, *STAGES)):
            ways = self.get_submodule(f"transition{before}")
            # The resolution that is new comes of the coarsest before.
            given = [several[min(n, before - 1)] for n in range(stage)]
            several = [x if way is None else way(x) for way, x in zip(ways, given, strict=True)]
            several = self.get_submodule(f"stage{stage}")(several)
        return (self.final_layer(several[0]),)


def _transition(had: list[int], widths: list[int]) -> nn.ModuleList:
    """To the next stage: other widths where they differ, and one resolution more."""
    ways: list[nn.Module | None] = [
        conv_bn_relu(a, b, 3) if a != b else None for a, b in zip(had, widths, strict=False)
    ]
    ways.append(nn.Sequential(conv_bn_relu(had[-1], widths[-1], 3, 2)))
    return nn.ModuleList(ways)


hrnet_w32, hrnet_w48 = (partial(HRNet, width=width) for width in (32, 48))
