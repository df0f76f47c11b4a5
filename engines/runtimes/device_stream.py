"""What a frame needs of a device: memory, kernels, and an order in which they are done.

A lane is a stream: what is asked of it happens in order, and beside other lanes. On NVIDIA GPUs it
is engines/nvidia/cuda_stream.py's; the tests run the same kernels on the CPU, thread by thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

Buffer = Any  # device memory: whatever the lane gives, and takes back as an argument
Shape = tuple[int, int, int]
MapShape = tuple[int, int, int, int]
Argument = Buffer | np.int32 | np.float32


class Lane(Protocol):
    """Asynchronous, but for `empty`, `constant`, `wait` and `fetch`."""

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> Buffer: ...
    def constant(self, value: NDArray[Any]) -> Buffer: ...
    def host(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """Host memory that transfers may use."""
        ...

    def upload(self, to: Buffer, value: NDArray[Any]) -> None: ...
    def download(self, to: NDArray[Any], value: Buffer) -> None: ...
    def zero(self, buffer: Buffer) -> None: ...
    def launch(self, kernel: str, grid: Shape, block: Shape, *given: Argument) -> None: ...
    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """All that `work` asks of this lane, as one thing to do again and again."""
        ...

    def wait(self) -> None:
        """Until everything asked so far is done; DeviceError if the device failed."""
        ...

    def fetch(self, value: Buffer) -> NDArray[Any]: ...


class Network(Protocol):
    """A network on a device, whose maps stay there."""

    def bind(self, lane: Lane, entry: Buffer, shape: tuple[int, int, int]) -> Bound:
        """Memory for the maps of (batch, height, width) pictures, and what makes them."""
        ...

    def close(self) -> None: ...


class Bound(Protocol):
    """(batch, channels, h, w) float32 heat maps and affinity fields, and what fills them."""

    heatmaps: Buffer
    pafs: Buffer

    @property
    def shapes(self) -> tuple[MapShape, MapShape]: ...
    def enqueue(self) -> None: ...
