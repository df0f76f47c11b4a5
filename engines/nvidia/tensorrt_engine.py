"""The NVIDIA runtime: TensorRT 10 or 11, or TensorRT-RTX, which has the same interface.

Imported when it is used, and TensorRT only where there is a driver: without one it may end the
process.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from engines.nvidia.driver import Gpu
from engines.runtimes.device_stream import Buffer, Lane
from engines.types.errors import DeviceError

LOG = logging.getLogger(__name__)
LIBRARIES = ("tensorrt", "tensorrt_rtx")
MIN_VERSION = 10
RTX_MIN_CAPABILITY, RTX_NONE = (
    (7, 5),
    {(8, 7), (9, 0), (10, 0), (10, 3)},
)  # TensorRT-RTX: no data centres
ADVICE = "run: pip install -r requirements-gpu.txt"


def installed(gpu: Gpu | None) -> list[str]:
    """The libraries that are here and may be loaded for this GPU; without a driver RTX alone."""
    found = [name for name in LIBRARIES if find_spec(name) is not None]
    if gpu is None:
        return [name for name in found if name == "tensorrt_rtx"]
    rtx = gpu.capability >= RTX_MIN_CAPABILITY and gpu.capability not in RTX_NONE
    return [name for name in found if name == "tensorrt" or rtx]


def load_tensorrt(gpu: Gpu | None) -> Any:
    """The library for this GPU (None: no driver here); DeviceError says what to install."""
    names = installed(gpu)
    if not names:
        raise DeviceError(f"TensorRT is not installed for this machine; {ADVICE}")
    try:
        library = import_module(names[0])
    except (ImportError, OSError) as error:
        raise DeviceError(f"{names[0]} cannot be imported ({error}); {ADVICE}") from error
    if names[0] == "tensorrt" and int(library.__version__.split(".")[0]) < MIN_VERSION:
        raise DeviceError(f"TensorRT {library.__version__} is too old; {ADVICE}")
    return library


@cache
def logger(library: Any) -> Any:
    """The one that this process has: the library keeps the first it is given."""

    class Logger(library.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            library.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= library.ILogger.ERROR:
                self.errors.append(message.splitlines()[0])
            else:
                LOG.debug(message)

    return Logger()


def reason(library: Any) -> str:
    """What the library last complained of, in one line."""
    errors = logger(library).errors
    return str(errors[-1]) if errors else "no reason given"


class TensorRt:
    """A DeviceNetwork from a plan that this program built itself: reading a plan runs code in it.

    outputs: the decoder's names -> the plan's. layout: of the network's input.
    """

    def __init__(
        self, library: Any, plan: bytes, outputs: dict[str, str], layout: str = "nchw"
    ) -> None:
        self._library, self._outputs, self._layout = library, outputs, layout
        self._runtime = library.Runtime(logger(library))
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise DeviceError(f"TensorRT cannot load its plan: {reason(library)}")

    def bind(self, lane: Lane, entry: Buffer, shape: tuple[int, int, int]) -> _BoundPlan:
        count, high, wide = shape
        context = self._context()
        if context is None:
            raise DeviceError(f"TensorRT has no memory for {shape}: {reason(self._library)}")
        names = [self._engine.get_tensor_name(n) for n in range(self._engine.num_io_tensors)]
        mode = self._library.TensorIOMode.INPUT
        (name,) = (name for name in names if self._engine.get_tensor_mode(name) == mode)
        sides = (count, 3, high, wide) if self._layout == "nchw" else (count, high, wide, 3)
        if not context.set_input_shape(name, sides):
            raise DeviceError(f"The TensorRT plan does not hold {count} pictures of {wide}x{high}.")
        context.set_tensor_address(name, int(entry))
        arrays, shapes = {}, {}
        for role, output in self._outputs.items():
            shapes[role] = tuple(context.get_tensor_shape(output))
            if min(shapes[role]) < 0:
                raise DeviceError(
                    f"The size of the network's output {output} depends on what is in the picture, "
                    "which cannot be recorded on the GPU."
                )
            arrays[role] = lane.empty(shapes[role], np.float32)
            context.set_tensor_address(output, int(arrays[role]))
        return _BoundPlan(self._library, context, lane, entry, arrays, shapes)

    def close(self) -> None:
        self._engine = self._runtime = None

    def _context(self) -> Any:
        strategies = getattr(self._library, "DynamicShapesKernelSpecializationStrategy", None)
        if strategies is None:
            return self._engine.create_execution_context()
        # TensorRT-RTX: what is recorded must be the kernels for this very shape, compiled at once.
        config = self._engine.create_runtime_config()
        config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
        return self._engine.create_execution_context(config)


@dataclass
class _BoundPlan:
    trt: Any
    context: Any
    lane: Any
    entry: Buffer
    arrays: dict[str, Buffer]
    shapes: dict[str, tuple[int, ...]]

    def enqueue(self) -> None:
        if not self.context.execute_async_v3(self.lane.handle):
            raise DeviceError(f"TensorRT cannot run the network: {reason(self.trt)}")
