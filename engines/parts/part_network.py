"""A network of one part, run over crops of all pictures at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.crops.affine import Crops
from engines.decoders.crop_decoder import CropDecoder
from engines.runtimes.crop_network import CropsOnHost
from engines.runtimes.network import Network
from engines.types.arrays import Arrays, Floats, Image


class PartNetwork:
    """Used and closed by one thread.

    border: as `Crops.cut_into` has it; None as MediaPipe's own ImageToTensorCalculator.
    """

    def __init__(self, network: Network, decoder: CropDecoder, border: int | None = None) -> None:
        self._crops = CropsOnHost(network, border)
        self.decoder = decoder

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the network's input."""
        return self.decoder.size

    def look(
        self, images: Sequence[Image], crops: Sequence[Crops]
    ) -> tuple[Floats, Floats, Arrays]:
        """What it says of N crops, one or more, in one batch: those of all pictures in their order.

        images, crops: one a camera. Returns (N, K, 2) picture pixels, (N, K) confidence and the
        network's own arrays (N, ...).
        """
        self.begin(images, crops)
        return self.end(crops)

    def begin(self, images: Sequence[Image], crops: Sequence[Crops]) -> None:
        """Start on what `end` will tell, while others work."""
        self._crops.begin(images, crops)

    def end(self, crops: Sequence[Crops]) -> tuple[Floats, Floats, Arrays]:
        """What `look` says, of the crops that were begun."""
        arrays = self._crops.end()
        xy, score = self.decoder.points(arrays)
        placed, begin = [], 0
        for one in crops:
            if len(one):
                placed.append(one.to_picture(xy[begin : begin + len(one)]))
                begin += len(one)
        return np.concatenate(placed), score, arrays

    def close(self) -> None:
        """Let the device go."""
        self._crops.close()
