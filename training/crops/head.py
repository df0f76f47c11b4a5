"""What goes into the crop network and how its heat maps are read, here and by its card."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.decoders.crop_heatmaps import CropHeatmaps
from engines.networks.cropnet import STRIDE
from engines.types.arrays import Image

MEAN, SCALE = 127.0, 128.0  # of the network's input, the same for all channels: the trunk's own
# The maps are Gaussians around the middles of cells; cells are areas of STRIDE x STRIDE pixels.
HEAD = CropHeatmaps(refine="parabola", stride=float(STRIDE), offset=(STRIDE - 1) / 2)


def prepared(crops: Image | Tensor) -> Tensor:
    """(N, H, W, 3) uint8 BGR to (N, 3, H, W) RGB as the network wants them."""
    return ((torch.as_tensor(crops).flip(3).float() - MEAN) / SCALE).permute(0, 3, 1, 2)
