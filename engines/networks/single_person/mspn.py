"""A multi-stage pose network (MSPN, Li et al. 2019, "Rethinking on Multi-Stage Networks for Human
Pose Estimation", section 3).

Every stage goes down and up again, as CPN's GlobalNet does; what both ways of it have seen at each
size is added to the next stage's way down (cross-stage feature aggregation, section 3.3), and each
size of each stage gives maps for the loss. Written from the paper; parameters have names of our
own.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from engines.networks.single_person.on_resnet import Shapes, Size
from engines.networks.single_person.resnet import DEPTHS, ResNet, conv_bn, conv_bn_relu, layer

STEM, WIDTH, STRIDE = 64, 256, 4
LEVELS = len(ResNet.WIDTHS)
UP = {"mode": "bilinear", "align_corners": False}


class Down(nn.Module):
    """ResNet-50's four layers; others: what a stage before adds to what comes out of each."""

    def __init__(self) -> None:
        super().__init__()
        widths = (STEM, *ResNet.WIDTHS)
        self.layers = nn.ModuleList(
            layer(widths[n], 64 * 2**n, blocks, 2 if n else 1)
            for n, blocks in enumerate(DEPTHS[50])
        )

    def forward(self, x: Tensor, others: list[Tensor] | None) -> list[Tensor]:
        found = []
        for n, one in enumerate(self.layers):
            x = one(x)
            if others is not None:
                x = x + others[n]
            found.append(x)
        return found


class Up(nn.Module):
    """From the coarsest size to the finest; predict gives the maps of each."""

    def __init__(self, keypoints: int) -> None:
        super().__init__()
        widths = ResNet.WIDTHS[::-1]
        self.laterals = nn.ModuleList(conv_bn(width, WIDTH, 1) for width in widths)
        self.upsamples = nn.ModuleList(conv_bn(WIDTH, WIDTH, 1) for _ in widths[1:])
        self.predict = nn.ModuleList(
            nn.Sequential(*conv_bn_relu(WIDTH, WIDTH, 1), *conv_bn(WIDTH, keypoints, 3))
            for _ in widths
        )

    def forward(self, seen: list[Tensor]) -> list[Tensor]:
        out: list[Tensor] = []
        for n, (lateral, x) in enumerate(zip(self.laterals, seen[::-1], strict=True)):
            own = lateral(x)
            if n:
                larger = nn.functional.interpolate(out[-1], size=own.shape[2:], **UP)
                own = own + self.upsamples[n - 1](larger)
            out.append(torch.relu(own))
        return out

    def maps(self, seen: list[Tensor], size: Size) -> list[Tensor]:
        """Of each size, all brought to (rows, columns) `size`."""
        each = zip(self.predict, seen, strict=True)
        return [nn.functional.interpolate(one(x), size=size, **UP) for one, x in each]


class Across(nn.Module):
    """What a stage gives to the next: of both ways at each size, and its finest features."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(conv_bn_relu(width, width, 1) for width in ResNet.WIDTHS)
        self.up = nn.ModuleList(conv_bn_relu(WIDTH, width, 1) for width in ResNet.WIDTHS)
        self.finest = conv_bn_relu(WIDTH, STEM, 1)

    def forward(self, down: list[Tensor], up: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        ways = zip(self.down, down, self.up, up[::-1], strict=True)
        return self.finest(up[-1]), [one(x) + other(y) for one, x, other, y in ways]


class MultiStage(nn.Module):
    """(N, 3, H, W) -> (N, K, H / 4, W / 4) of crops of one size."""

    def __init__(self, shapes: Shapes, size: Size, stages: int = 2) -> None:
        super().__init__()
        keypoints = shapes["heatmaps"][0]
        self._rows = size[1] // STRIDE, size[0] // STRIDE
        self.stem = conv_bn_relu(3, STEM, 7, 2)
        self.down = nn.ModuleList(Down() for _ in range(stages))
        self.up = nn.ModuleList(Up(keypoints) for _ in range(stages))
        self.across = nn.ModuleList(Across() for _ in range(stages - 1))

    def stages(self, x: Tensor) -> list[Tensor]:
        """The maps of every size of every stage, for the loss: the finest of each comes last."""
        x = nn.functional.max_pool2d(self.stem(x), 3, 2, 1)
        maps: list[Tensor] = []
        others: list[Tensor] | None = None
        for n, (down, up) in enumerate(zip(self.down, self.up, strict=True)):
            seen = down(x, others)
            back = up(seen)
            maps += up.maps(back, self._rows)
            if n < len(self.across):
                x, others = self.across[n](seen, back)
        return maps

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.stages(x)[-1],)


mspn_2, mspn_4 = (partial(MultiStage, stages=n) for n in (2, 4))
