"""A lane on the CPU: the CUDA kernels compiled as C++ and run thread by thread."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from engines.runtimes.device_stream import Argument, BoundNetwork, Lane, Shape
from engines.runtimes.pytorch import TorchLane
from engines.types.arrays import Floats

KERNELS = Path(__file__).parents[2] / "engines" / "kernels"
MapMaker = Callable[[Floats], tuple[Floats, Floats]]


def compile_kernels(folder: Path) -> ctypes.CDLL:
    """The kernels as a shared library; skips where there is no C++ compiler."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler to run the kernels with")
    library = folder / "kernels.so"
    source = Path(__file__).with_name("host.cpp")
    # No fused multiplication and addition, as nvcc is told; out-of-bounds access is an error.
    subprocess.run(
        [
            compiler,
            *("-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"),
            *("-shared", "-fPIC", "-I", str(KERNELS), "-o", str(library), str(source)),
        ],
        check=True,
    )
    return ctypes.CDLL(str(library))


class HostLane:
    """Lane: does everything at once, and counts what a GPU would be asked to do."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self.launched: list[str] = []
        self.fetched = 0

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        garbage = np.empty(shape, dtype)
        garbage.view(np.uint8)[...] = 0xA5  # fresh memory holds anything
        return garbage

    def constant(self, value: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(value).copy()

    def host(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        return self.empty(shape, dtype)

    def upload(self, to: NDArray[Any], value: NDArray[Any]) -> None:
        to[...] = value

    def download(self, to: NDArray[Any], value: NDArray[Any]) -> None:
        to[...] = value

    def zero(self, buffer: NDArray[Any]) -> None:
        buffer[...] = 0

    def launch(self, kernel: str, grid: Shape, block: Shape, *given: Argument) -> None:
        assert block[0] * block[1] * block[2] <= 1024
        assert grid[1] <= 65535
        assert grid[2] <= 65535
        values: list[Any] = []
        for one in given:
            if isinstance(one, np.ndarray):
                values.append(ctypes.c_void_p(one.ctypes.data))
            elif isinstance(one, np.float32):
                values.append(ctypes.c_float(float(one)))
            else:
                assert isinstance(one, np.int32), f"{kernel} is given a {type(one)}"
                values.append(ctypes.c_int(int(one)))
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        shape = (ctypes.c_int * 6)(*grid, *block)
        failed = getattr(self._library, f"launch_{kernel}")(shape, pointers, len(values))
        assert not failed, f"{kernel} does not take {len(values)} arguments"
        self.launched.append(kernel)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        return work

    def wait(self) -> None:
        pass

    def fetch(self, value: NDArray[Any]) -> NDArray[Any]:
        self.fetched += 1
        return value.copy()


class SeenTorchLane(TorchLane):
    """Torch on the CPU, which counts too."""

    def __init__(self, torch: Any) -> None:
        super().__init__(torch, "cpu")
        self.launched: list[str] = []
        self.fetched = 0

    def launch(self, kernel: str, *given: Any) -> None:
        super().launch(kernel, *given)
        self.launched.append(kernel)

    def fetch(self, value: Any) -> NDArray[Any]:
        self.fetched += 1
        return super().fetch(value)


OpenLane = Callable[[], HostLane | SeenTorchLane]


@dataclass
class HostBound:
    entry: Any
    maker: MapMaker
    arrays: dict[str, Any]

    @property
    def shapes(self) -> dict[str, Any]:
        return {role: tuple(array.shape) for role, array in self.arrays.items()}

    def enqueue(self) -> None:
        found = self.maker(np.asarray(self.entry))
        for to, array in zip(self.arrays.values(), found, strict=True):
            np.asarray(to)[...] = array  # shares memory with a torch tensor on the CPU


class HostNetwork:
    """A network that is a function of its input, (batch, 3, height, width) if not told otherwise.

    outputs: the decoder's names of the arrays that it gives.
    """

    def __init__(
        self, maker: MapMaker, outputs: Sequence[str] = ("heatmaps", "pafs"), layout: str = "nchw"
    ) -> None:
        self.maker, self.outputs, self.layout = maker, outputs, layout
        self.closed = False

    def bind(self, lane: Lane, entry: Any, shape: tuple[int, int, int]) -> BoundNetwork:
        count, high, wide = shape
        sides = (count, 3, high, wide) if self.layout == "nchw" else (count, high, wide, 3)
        assert tuple(entry.shape) == sides
        found = self.maker(np.zeros_like(entry))
        arrays = {
            role: lane.empty(array.shape, np.float32)
            for role, array in zip(self.outputs, found, strict=True)
        }
        return HostBound(entry, self.maker, arrays)

    def close(self) -> None:
        self.closed = True
