"""Convolutional Pose Machines (Wei et al., CVPR'16, figure 2), named as its published layers.

The network is told who is meant by a map with a Gaussian in the middle of the crop. The weights of
CMU's model for MPI and LSP are a .caffemodel, whose layers have these names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.networks.single_person.on_resnet import Shapes, Size

STAGES, STRIDE = 6, 8
CENTRE_SIGMA_PX = 21.0  # of the centre map
FIRST = (("conv4", 128, 32, 5), ("conv5", 32, 512, 9), ("conv6", 512, 512, 1))
LATER = ((1, 11), (2, 11), (3, 11), (4, 1), (5, 1))  # number and side of the Mconv of a stage
WIDTH, FEATURES = 128, 32


def _conv(given: int, out: int, size: int) -> nn.Conv2d:
    return nn.Conv2d(given, out, size, padding=size // 2)


class ConvolutionalPoseMachines(nn.Module):
    """(N, 3, H, W) -> (N, K, H / 8, W / 8); stages() also has the background's map, the last."""

    def __init__(self, shapes: Shapes, size: Size) -> None:
        super().__init__()
        maps = shapes["heatmaps"][0] + 1
        layers = {"conv7_stage1": _conv(512, maps, 1)}
        layers |= {f"{name}_stage1": _conv(a, b, side) for name, a, b, side in FIRST}
        for stage in (1, 2):  # of which the second's features are those of all later stages
            for n in (1, 2, 3):
                layers[f"conv{n}_stage{stage}"] = _conv(3 if n == 1 else WIDTH, WIDTH, 9)
        for stage in range(2, STAGES + 1):
            layers[f"conv4_stage{stage}"] = _conv(WIDTH, FEATURES, 5)
            given = FEATURES + maps + 1
            for n, side in LATER:
                out = maps if n == LATER[-1][0] else WIDTH
                layers[f"Mconv{n}_stage{stage}"] = _conv(given, out, side)
                given = WIDTH
        for name, module in layers.items():
            self.add_module(name, module)
        self.register_buffer("centre", centre_map(size), persistent=False)

    def _relu(self, name: str, x: Tensor) -> Tensor:
        return torch.relu(self.get_submodule(name)(x))

    def _features(self, x: Tensor, stage: int) -> Tensor:
        for n in (1, 2, 3):
            x = self._relu(f"conv{n}_stage{stage}", x)
            x = nn.functional.max_pool2d(x, 3, 2, ceil_mode=True)  # as Caffe counts cells
        return x

    def stages(self, x: Tensor) -> list[Tensor]:
        """The maps of every stage, for the loss."""
        y = self._features(x, 1)
        for name, *_ in FIRST:
            y = self._relu(f"{name}_stage1", y)
        maps = [self.get_submodule("conv7_stage1")(y)]
        seen = self._features(x, 2)
        centre = self.centre.expand(seen.shape[0], -1, -1, -1)
        for stage in range(2, STAGES + 1):
            own = self._relu(f"conv4_stage{stage}", seen)
            y = torch.cat([own, maps[-1], centre], dim=1)
            for n, _ in LATER[:-1]:
                y = self._relu(f"Mconv{n}_stage{stage}", y)
            maps.append(self.get_submodule(f"Mconv{LATER[-1][0]}_stage{stage}")(y))
        return maps

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.stages(x)[-1][:, :-1],)


def centre_map(size: Size) -> Tensor:
    """(1, 1, h, w) a Gaussian in the middle of a crop of this (width, height), in cells."""
    axes = [torch.arange(side) - side / 2 for side in size]
    x, y = (torch.exp(-(axis**2) / (2 * CENTRE_SIGMA_PX**2)) for axis in axes)
    whole = (y[:, None] * x[None])[None, None]
    return nn.functional.avg_pool2d(whole, STRIDE + 1, STRIDE, ceil_mode=True)
