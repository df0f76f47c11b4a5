"""Cascaded Pyramid Network (Chen et al., CVPR'18, section 3), named as GengDavid/pytorch-cpn.

GlobalNet gives maps from each of four resolutions; RefineNet joins what they saw, and its maps are
the network's. Its loss counts the hardest keypoints alone (online hard keypoints mining).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.networks.single_person.on_resnet import Shapes, Size
from engines.networks.single_person.resnet import Bottleneck, ResNet, conv_bn_relu

WIDTH, STRIDE = 256, 4
HARDEST = 8  # keypoints of 17 that RefineNet's loss counts (section 4.2.2)
UP = {"mode": "bilinear", "align_corners": True}


class GlobalNet(nn.Module):
    """From the coarsest features to the finest; predict gives the maps that its loss goes by."""

    def __init__(self, rows: tuple[int, int], keypoints: int) -> None:
        super().__init__()
        widths = ResNet.WIDTHS[::-1]
        self.laterals = nn.ModuleList(conv_bn_relu(width, WIDTH, 1) for width in widths)
        self.upsamples = nn.ModuleList(
            nn.Sequential(
                nn.Upsample(scale_factor=2, **UP),
                nn.Conv2d(WIDTH, WIDTH, 1),
                nn.BatchNorm2d(WIDTH),
            )
            for _ in widths[1:]
        )
        self.predict = nn.ModuleList(
            nn.Sequential(
                *conv_bn_relu(WIDTH, WIDTH, 1),
                nn.Conv2d(WIDTH, keypoints, 3, 1, 1, bias=False),
                nn.Upsample(size=rows, **UP),
                nn.BatchNorm2d(keypoints),
            )
            for _ in widths
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        out: list[Tensor] = []
        for n, (lateral, x) in enumerate(zip(self.laterals, features[::-1], strict=True)):
            own = lateral(x)
            out.append(own + self.upsamples[n - 1](out[-1]) if n else own)
        return out


class RefineNet(nn.Module):
    """More bottlenecks for coarser features, all brought to one size and joined (figure 1)."""

    def __init__(self, rows: tuple[int, int], keypoints: int) -> None:
        super().__init__()
        levels = len(ResNet.WIDTHS)
        self.cascade = nn.ModuleList(
            nn.Sequential(
                *(_refining(WIDTH) for _ in range(levels - n - 1)), nn.Upsample(size=rows, **UP)
            )
            for n in range(levels)
        )
        self.final_predict = nn.Sequential(
            _refining(levels * WIDTH),
            nn.Conv2d(WIDTH, keypoints, 3, 1, 1, bias=False),
            nn.BatchNorm2d(keypoints),
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        joined = [way(x) for way, x in zip(self.cascade, features, strict=True)]
        maps: Tensor = self.final_predict(torch.cat(joined, dim=1))
        return maps


def _refining(given: int) -> Bottleneck:
    return Bottleneck(given, WIDTH // 2, expansion=2, always=True)


class CascadedPyramid(nn.Module):
    """(N, 3, H, W) -> (N, K, H / 4, W / 4) of crops of one size."""

    def __init__(self, shapes: Shapes, size: Size, depth: int = 50) -> None:
        super().__init__()
        keypoints = shapes["heatmaps"][0]
        rows = size[1] // STRIDE, size[0] // STRIDE
        self.resnet = ResNet(depth)
        self.global_net = GlobalNet(rows, keypoints)
        self.refine_net = RefineNet(rows, keypoints)

    def stages(self, x: Tensor) -> list[Tensor]:
        """GlobalNet's four maps and RefineNet's, for the loss."""
        features = self.global_net(self.resnet(x))
        each = zip(self.global_net.predict, features, strict=True)
        return [*(predict(one) for predict, one in each), self.refine_net(features)]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.refine_net(self.global_net(self.resnet(x))),)


def hardest_keypoints(error: Tensor, hardest: int = HARDEST) -> Tensor:
    """(N, K) losses -> the mean over the hardest keypoints of each person (section 3.2)."""
    return error.topk(hardest, dim=1).values.mean()
