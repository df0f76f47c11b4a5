"""The seam to whatever runs a crop network on crops of pictures, and its form on the host."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import numpy as np

from engines.crops.affine import Crops, cut
from engines.runtimes.network import Network
from engines.types.arrays import Arrays, Image
from engines.types.errors import DeviceError, WeightsError

LOG = logging.getLogger(__name__)


class CropNetwork(Protocol):
    """Cuts crops out of pictures and runs them through a network, one batch a set of pictures."""

    def run(self, images: Sequence[Image], crops: Sequence[Crops]) -> Arrays:
        """The network's arrays (N, ...) by the decoder's names, of the N crops of all pictures in
        their order; N is one at least. Valid until the next run.
        """
        ...

    def close(self) -> None: ...


class CropsOnHost:
    """Crops cut by OpenCV. border: as `Crops.cut_into` has it.

    `begin` starts on crops and `end` gives what `run` does of them, while others work.
    """

    def __init__(self, network: Network, border: int | None) -> None:
        self._network, self._border = network, border

    def run(self, images: Sequence[Image], crops: Sequence[Crops]) -> Arrays:
        """The arrays of all crops."""
        self.begin(images, crops)
        return self.end()

    def begin(self, images: Sequence[Image], crops: Sequence[Crops]) -> None:
        """Start on N crops, one or more."""
        self._network.submit(list(cut(images, crops, self._border)))

    def end(self) -> Arrays:
        """The arrays of the crops that were begun."""
        results = self._network.result()
        return {name: np.stack([one[name] for one in results]) for name in results[0]}

    def close(self) -> None:
        """Let the network go."""
        self._network.close()


class SparedCrops:
    """A crop network on a device, and one on the CPU where that fails; one sentence says so."""

    def __init__(self, first: Callable[[], CropNetwork], spare: Callable[[], CropNetwork]) -> None:
        self._spare: Callable[[], CropNetwork] | None = spare
        try:
            self._now = first()
        except (DeviceError, WeightsError) as error:
            self._now = self._other(error)

    def run(self, images: Sequence[Image], crops: Sequence[Crops]) -> Arrays:
        """The arrays of all crops."""
        try:
            return self._now.run(images, crops)
        except DeviceError as error:
            failed = self._now
            self._now = self._other(error)
            with suppress(DeviceError):  # it says once more what it said
                failed.close()
            return self._now.run(images, crops)

    def close(self) -> None:
        """Let the device go."""
        self._now.close()

    def _other(self, error: DeviceError | WeightsError) -> CropNetwork:
        if self._spare is None:
            raise error
        LOG.warning("%s The CPU looks at people again.", error)
        spare, self._spare = self._spare, None
        return spare()
