"""How the crop network's heat maps are read, here and by the card that it is exported with."""

from __future__ import annotations

from engines.decoders.crop_heatmaps import CropHeatmaps
from engines.networks.cropnet import STRIDE

# The maps are Gaussians around the middles of cells; cells are areas of STRIDE x STRIDE pixels.
HEAD = CropHeatmaps(refine="parabola", stride=float(STRIDE), offset=(STRIDE - 1) / 2)
