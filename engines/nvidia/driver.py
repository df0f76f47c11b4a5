"""The NVIDIA driver, asked through ctypes before any library that needs it is touched.

Some of those end the process where there is no driver; this never does.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

from engines.types.errors import DeviceError

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
MIN_CAPABILITY = (
    7,
    5,
)  # compute capability: what the toolkits that TensorRT 10 and 11 need compile for
MAJOR, MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_...
# What cuInit says, and what mends it.
ADVICE = {
    3: "it was not initialised",
    34: "its library is a stub that belongs to the toolkit; install the driver itself",
    100: "it sees no GPU; in a container, start it with --gpus all",
    101: "the GPU that CUDA_VISIBLE_DEVICES names is not there",
    802: "the GPU's fabric manager is not running",
    803: "its parts have different versions; restart the machine after an update of the driver",
    804: "it is older than this container's CUDA; update the host's driver",
}


@dataclass(frozen=True, slots=True)
class Gpu:
    """index: among those the driver shows. memory: bytes. driver: its CUDA, 13000 = 13.0."""

    index: int
    name: str
    capability: tuple[int, int]
    memory: int
    driver: int

    @property
    def usable(self) -> bool:
        return self.capability >= MIN_CAPABILITY


def load_driver(library: str = LIBRARY) -> ctypes.CDLL:
    """The driver's library, initialised; DeviceError says why there is none."""
    try:
        driver = ctypes.CDLL(library)
    except OSError as error:
        raise DeviceError(
            "There is no NVIDIA driver on this machine; install it from "
            "https://www.nvidia.com/drivers (in a container: start it with --gpus all)."
        ) from error
    _check(driver.cuInit(0))
    return driver


def find_gpus(library: str = LIBRARY) -> list[Gpu]:
    """All GPUs of this machine; DeviceError says why there are none."""
    driver = load_driver(library)
    count, version = ctypes.c_int(), ctypes.c_int()
    _check(driver.cuDeviceGetCount(ctypes.byref(count)))
    _check(driver.cuDriverGetVersion(ctypes.byref(version)))
    found = []
    for index in range(count.value):
        device, number, size = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
        name = ctypes.create_string_buffer(256)
        _check(driver.cuDeviceGet(ctypes.byref(device), index))
        _check(driver.cuDeviceGetName(name, len(name), device))
        _check(driver.cuDeviceTotalMem_v2(ctypes.byref(size), device))
        capability = []
        for attribute in (MAJOR, MINOR):
            _check(driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, device))
            capability.append(number.value)
        major, minor = capability
        text = name.value.decode(errors="replace")
        found.append(Gpu(index, text, (major, minor), size.value, version.value))
    if not found:
        _check(100)
    return found


def usable_gpus(number: int | None = None, count: int = 1, library: str = LIBRARY) -> list[Gpu]:
    """So many GPUs that can run the kernels, from that number on (as the driver shows them), else
    the first; DeviceError says why there are not as many.
    """
    found = find_gpus(library)
    if number is not None:
        if number >= len(found):
            names = ", ".join(f"cuda:{gpu.index} ({gpu.name})" for gpu in found)
            raise DeviceError(f"There is no GPU cuda:{number}; this machine has {names}.")
        found = found[number:]
    usable = [gpu for gpu in found if gpu.usable]
    if len(usable) >= count:
        return usable[:count]
    if usable:
        names = ", ".join(f"cuda:{gpu.index} ({gpu.name})" for gpu in usable)
        raise DeviceError(f"{count} GPUs are wanted, but there is only {names}.")
    names = ", ".join("{} ({}.{})".format(gpu.name, *gpu.capability) for gpu in found)
    raise DeviceError(
        f"{names} is too old: a GPU of compute capability {MIN_CAPABILITY[0]}.{MIN_CAPABILITY[1]} "
        f"(2018) or newer is needed."
    )


def usable_gpu(library: str = LIBRARY, number: int | None = None) -> Gpu:
    """The GPU of that number, or the first that can run the kernels; see `usable_gpus`."""
    return usable_gpus(number, library=library)[0]


def _check(code: int) -> None:
    if code:
        said = ADVICE.get(code, "look the number up in NVIDIA's list of CUresult")
        raise DeviceError(f"The NVIDIA driver answers with error {code}: {said}.")
