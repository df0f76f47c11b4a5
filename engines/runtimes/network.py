"""The seam to whatever runs a network with its pictures and results on the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engines.types.arrays import Arrays, Image


class Network(Protocol):
    """Runs a network: several sets of pictures in flight, results in order.

    depth: sets worth having in flight.
    """

    @property
    def depth(self) -> int: ...
    def submit(self, pictures: Sequence[Image]) -> None:
        """Start on (h, w, 3) BGR uint8 pictures; they must not change until their result."""
        ...

    def result(self) -> list[Arrays]:
        """For each picture of the oldest set its arrays, by the decoder's names, without a batch.

        Valid until the next submit.
        """
        ...

    def close(self) -> None:
        """Wait for what is in flight and let the device go."""
        ...
