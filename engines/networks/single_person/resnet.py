"""ResNet (He et al., CVPR'16, table 1), the trunk; named as torchvision's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
EXPANSION = 4  # of a bottleneck's width


def conv_bn(given: int, out: int, size: int, stride: int = 1) -> nn.Sequential:
    """A convolution without a bias, and batch normalisation."""
    conv = nn.Conv2d(given, out, size, stride, size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out))


def conv_bn_relu(given: int, out: int, size: int, stride: int = 1) -> nn.Sequential:
    """The same, and ReLU."""
    return nn.Sequential(*conv_bn(given, out, size, stride), nn.ReLU(inplace=True))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 around a short cut, which is a convolution where widths or sizes differ.

    always: a convolution as the short cut in any case.
    """

    def __init__(
        self,
        given: int,
        width: int,
        stride: int = 1,
        expansion: int = EXPANSION,
        *,
        always: bool = False,
    ) -> None:
        super().__init__()
        out = width * expansion
        self.conv1 = nn.Conv2d(given, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        differs = always or stride != 1 or given != out
        self.downsample = conv_bn(given, out, 1, stride) if differs else None

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        short = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.bn3(self.conv3(y)) + short)


def layer(given: int, width: int, blocks: int, stride: int = 1) -> nn.Sequential:
    """So many bottlenecks, the first of which has the stride."""
    first = Bottleneck(given, width, stride)
    rest = (Bottleneck(width * EXPANSION, width) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)


class ResNet(nn.Module):
    """(N, 3, H, W) -> features at strides 4, 8, 16 and 32 of 256, 512, 1024 and 2048 channels."""

    WIDTHS = tuple(EXPANSION * 64 * 2**n for n in range(4))

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        given = 64
        for n, blocks in enumerate(DEPTHS[depth]):
            self.add_module(f"layer{n + 1}", layer(given, 64 * 2**n, blocks, 2 if n else 1))
            given = self.WIDTHS[n]

    def features(self, x: Tensor) -> list[Tensor]:
        """Of all four strides, the finest first."""
        x = torch.relu(self.bn1(self.conv1(x)))
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        found = []
        for n in range(4):
            x = self.get_submodule(f"layer{n + 1}")(x)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.features(x)
