"""CUDA through pycuda, which is imported here alone: context, memory, kernels, graphs.

Nothing here has run on a GPU yet; it is tested on the emulated driver of tests/engines.
"""

from __future__ import annotations

import ctypes
import gc
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engines.nvidia.driver import Gpu, load_driver
from engines.nvidia.nvcc import cubin
from engines.runtimes.device_stream import Argument, Shape
from engines.types.errors import DeviceError

KERNELS = ("letterbox", "peaks", "limbs", "crops")
THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE: other threads may go on using the device
MISSING = "run: pip install -r requirements-gpu.txt (it needs a C++ compiler and the CUDA toolkit)"


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """Device memory; `int` is its address."""

    allocation: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __int__(self) -> int:
        return int(self.allocation)

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


class Cuda:
    """A GPU's primary context, current in the thread that makes this, and its kernels."""

    def __init__(self, gpu: Gpu) -> None:
        self.driver = load_driver()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it guesses at what the error below tells
                import pycuda.driver
        except ImportError as error:
            raise DeviceError(f"pycuda cannot be imported ({error}); {MISSING}") from error
        self.pycuda: Any = pycuda.driver
        images = {name: cubin(name, gpu.capability) for name in KERNELS}
        try:
            self.pycuda.init()
            # The primary context is the one that TensorRT and others use too.
            self._context = self.pycuda.Device(gpu.index).retain_primary_context()
            self._context.push()
        except self.pycuda.Error as error:
            raise DeviceError(f"{gpu.name} cannot be used: {error}") from error
        try:
            modules = {
                name: self.pycuda.module_from_file(str(path)) for name, path in images.items()
            }
            self._modules = modules  # functions do not keep them
            self.functions = {name: one.get_function(name) for name, one in modules.items()}
        except self.pycuda.Error as error:
            self.close()
            raise DeviceError(f"{gpu.name} cannot load the kernels: {error}") from error

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the GPU this thread's for a while, which has let it go before."""
        self._context.push()
        try:
            yield
        finally:
            self._context.pop()

    def take(self) -> None:
        """Make it this thread's again, to be closed."""
        self._context.push()

    def let_go(self) -> None:
        """Make it no longer this thread's, so that the thread can use another; see `current`."""
        self._context.pop()

    def lane(self) -> CudaLane:
        return CudaLane(self)

    def close(self) -> None:
        """Give the context back, after everything that lies in it."""
        self.functions = self._modules = {}
        gc.collect()
        self._context.pop()


class CudaLane:
    """A Lane: one stream."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda, self._pycuda = cuda, cuda.pycuda
        self._stream = self._pycuda.Stream()
        self.handle = int(self._stream.handle)

    @contextmanager
    def _told(self, what: str = "The GPU failed") -> Iterator[None]:
        try:
            yield
        except self._pycuda.Error as error:
            raise DeviceError(f"{what}: {error}") from error

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> Memory:
        kind = np.dtype(dtype)
        size = int(np.prod(shape)) * kind.itemsize
        with self._told(f"The GPU has no {size / 2**20:.0f} MiB left"):
            allocation = self._pycuda.mem_alloc(size)
        return Memory(allocation, tuple(shape), kind)

    def constant(self, value: NDArray[Any]) -> Memory:
        made = self.empty(value.shape, value.dtype)
        with self._told():
            self._pycuda.memcpy_htod(made.allocation, np.ascontiguousarray(value))
        return made

    def host(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        with self._told("The GPU's driver cannot lock memory"):
            array: NDArray[Any] = self._pycuda.pagelocked_empty(tuple(shape), dtype)
        return array

    def upload(self, to: Memory, value: NDArray[Any]) -> None:
        with self._told():
            self._pycuda.memcpy_htod_async(to.allocation, value, self._stream)

    def download(self, to: NDArray[Any], value: Memory) -> None:
        with self._told():
            self._pycuda.memcpy_dtoh_async(to, value.allocation, self._stream)

    def zero(self, buffer: Memory) -> None:
        with self._told():
            self._pycuda.memset_d8_async(buffer.allocation, 0, buffer.size, self._stream)

    def launch(self, kernel: str, grid: Shape, block: Shape, *given: Argument) -> None:
        values = [one.allocation if isinstance(one, Memory) else one for one in given]
        with self._told():
            self._cuda.functions[kernel](*values, grid=grid, block=block, stream=self._stream)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """A CUDA graph of the work. pycuda knows no graphs, so the driver is asked itself."""
        work()  # libraries prepare themselves in a first run, which cannot be recorded
        self.wait()
        driver, stream = self._cuda.driver, ctypes.c_void_p(self.handle)
        graph, recorded = ctypes.c_void_p(), ctypes.c_void_p()
        _ask(driver, "cuStreamBeginCapture_v2", stream, ctypes.c_int(THREAD_LOCAL))
        try:
            work()
        finally:
            ended = driver.cuStreamEndCapture(stream, ctypes.byref(graph))
        if ended or not graph:
            raise DeviceError(f"The GPU's work cannot be recorded (error {ended}).")
        _ask(
            driver,
            "cuGraphInstantiateWithFlags",
            *(ctypes.byref(recorded), graph, ctypes.c_ulonglong(0)),
        )
        _ask(driver, "cuGraphDestroy", graph)
        return RecordedGraph(driver, recorded, stream)

    def wait(self) -> None:
        with self._told():
            self._stream.synchronize()

    def fetch(self, value: Memory) -> NDArray[Any]:
        self.wait()
        array = np.empty(value.shape, value.dtype)
        with self._told():
            self._pycuda.memcpy_dtoh(array, value.allocation)
        return array


class RecordedGraph:
    """Recorded work; calling it starts it."""

    def __init__(self, driver: Any, recorded: ctypes.c_void_p, stream: ctypes.c_void_p) -> None:
        self._driver, self._recorded, self._stream = driver, recorded, stream

    def __call__(self) -> None:
        _ask(self._driver, "cuGraphLaunch", self._recorded, self._stream)

    def __del__(self) -> None:
        self._driver.cuGraphExecDestroy(self._recorded)


def _ask(driver: Any, function: str, *given: Any) -> None:
    if code := getattr(driver, function)(*given):
        raise DeviceError(f"The NVIDIA driver answers {function} with error {code}.")
