"""Maps of somebody's network, from an ONNX file, for landmarks to be read from."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.networks.from_onnx import Graph
from engines.networks.landmarks import STRIDE, Block
from engines.types.errors import WeightsError

WIDTH = 64  # channels of what is learnt after the maps
PROBE_PX = 64  # a side of the picture by which the maps are known


class OnnxFeatures(nn.Module):
    """(N, 3, H, W) pictures in 0..1 -> (N, WIDTH, H / 4, W / 4): the maps that the network gives,
    which stay as they are, and two convolutions that are learnt.

    The network takes (N, 3, H, W) BGR pixels, 0 to 255, and its first output is (N, C, h, w) maps.
    WeightsError for other networks.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            model = onnx.load(path)
        except Exception as error:  # protobuf's own error has no public class
            raise WeightsError(f"{path} is not an ONNX network.") from error
        self.given = Graph(model, (model.graph.output[0].name,))
        try:
            maps = self._maps(torch.zeros(1, 3, PROBE_PX, PROBE_PX))
        except (RuntimeError, IndexError, KeyError, ValueError) as error:
            raise WeightsError(
                f"{path} cannot be read as features: it must take pictures of any size, "
                "(N, 3, H, W)."
            ) from error
        if maps.ndim != 4:
            raise WeightsError(f"{path} gives no maps: its first output is {tuple(maps.shape)}.")
        self.learnt = nn.Sequential(Block(maps.shape[1], WIDTH), Block(WIDTH, WIDTH))
        self.channels = WIDTH

    def forward(self, pictures: Tensor) -> Tensor:
        size = pictures.shape[2] // STRIDE, pictures.shape[3] // STRIDE
        maps = functional.interpolate(self._maps(pictures), size, mode="nearest")
        out: Tensor = self.learnt(maps)
        return out

    def _maps(self, pictures: Tensor) -> Tensor:
        with torch.no_grad():
            maps: Tensor = self.given(pictures * 255)[0]
        return maps
