"""What a graph needs of a device: memory, kernels, and an order in which they are done.

A lane is a stream: what is asked of it happens in order, and beside other lanes. On NVIDIA GPUs it
is engines/nvidia/cuda_stream.py's; the tests run the same kernels on the CPU, thread by thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

Buffer = Any  # device memory: whatever the lane gives, and takes back as an argument
Shape = tuple[int, int, int]
Argument = Buffer | np.int32 | np.float32


TILE: Shape = (32, 8, 1)


def tiles(wide: int, high: int, deep: int) -> tuple[Shape, Shape]:
    """Grid and block of a kernel with a thread for each of so many places."""
    return (-(-wide // TILE[0]), -(-high // TILE[1]), deep), TILE


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


class DeviceNetwork(Protocol):
    """A network on a device, whose arrays stay there."""

    def bind(self, lane: Lane, entry: Buffer, shape: tuple[int, int, int]) -> BoundNetwork:
        """Memory for the arrays of (batch, height, width) pictures, and what fills them.

        entry: the network's input, in the layout and kind of numbers that its card says.
        """
        ...

    def close(self) -> None: ...


class BoundNetwork(Protocol):
    """float32 arrays of (batch, ...) by the decoder's names, and what fills them."""

    @property
    def arrays(self) -> Mapping[str, Buffer]: ...
    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]: ...
    def enqueue(self) -> None: ...
