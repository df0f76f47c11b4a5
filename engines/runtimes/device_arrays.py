"""A decoder without a device form: the network's arrays come to the host, where it reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from engines.decoders.decoder import Decoder
from engines.runtimes.device_stream import BoundNetwork, Lane
from engines.types.evidence import Evidence
from engines.types.letterbox import Letterbox


class DeviceDecoding(Protocol):
    """What follows the network in a recorded graph, and its result once the device is done.

    parts: work by name, in order, with the download.
    """

    @property
    def parts(self) -> dict[str, Callable[[], None]]: ...
    def result(self, keep_maps: bool) -> list[Evidence]: ...


class ArraysToHost:
    """All that the decoder needs is downloaded: for networks that give people it is little."""

    def __init__(
        self, lane: Lane, decoder: Decoder, bound: BoundNetwork, box: Letterbox, count: int
    ) -> None:
        self._lane, self._decoder, self._box, self._count = lane, decoder, box, count
        self._device = {role: bound.arrays[role] for role in decoder.outputs}
        self._host = {role: lane.host(bound.shapes[role], np.float32) for role in self._device}

    @property
    def parts(self) -> dict[str, Callable[[], None]]:
        """The download."""
        return {"download": self._download}

    def result(self, keep_maps: bool) -> list[Evidence]:
        """The evidence of each picture."""
        return [
            self._decoder.evidence(
                {role: array[n] for role, array in self._host.items()},
                self._box,
                keep_maps=keep_maps,
            )
            for n in range(self._count)
        ]

    def _download(self) -> None:
        for role, to in self._host.items():
            self._lane.download(to, self._device[role])
