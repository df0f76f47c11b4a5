"""The NVIDIA path: what it needs, whether that is here, and an Estimator that runs on it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from typing import Literal

from engines.decoders.decoder import Decoder
from engines.models.card import Card
from engines.models.weights import Device, Located
from engines.nvidia.aside import Aside
from engines.nvidia.driver import Gpu, load_driver, usable_gpu, usable_gpus
from engines.nvidia.nvcc import find_nvcc
from engines.nvidia.plan_cache import Profile, plan_for
from engines.nvidia.tensorrt_engine import TensorRt, installed
from engines.runtimes.device_crops import BATCHES, CropsOnDevice
from engines.runtimes.device_estimator import OnDevice
from engines.runtimes.device_stream import BoundNetwork, Buffer, Lane
from engines.types.device import DeviceChoice
from engines.types.errors import DeviceError, EngineError
from engines.types.letterbox import Sizing

LOG = logging.getLogger(__name__)
INSTALL = "pip install -r requirements-gpu.txt"
COMPILERS = ("c++", "g++", "clang++", "cl")
PLAN_CAMERAS = 4  # pictures at once that a plan holds where nobody says otherwise


def lacking(gpu: Gpu) -> Iterator[tuple[str, str]]:
    """What TensorRT engines need and this machine does not have, each with its remedy."""
    if not installed(gpu):
        yield f"TensorRT for {gpu.name} is not installed", INSTALL
    if find_spec("pycuda") is None and not any(map(shutil.which, COMPILERS)):
        yield "there is no C++ compiler, which pycuda is built with", "apt install g++"
    for package in ("pycuda", "onnx"):
        if find_spec(package) is None:
            yield f"the package {package} is not installed", INSTALL
    try:
        find_nvcc()
    except DeviceError as error:
        yield str(error), "apt install nvidia-cuda-toolkit"


def runtime(gpu: Gpu) -> Literal["TensorRT", "PyTorch"]:
    """What runs networks there: TensorRT; where that lacks something PyTorch, if it sees the GPU.

    DeviceError says what is lacking.
    """
    lacks = next(lacking(gpu), None)
    if lacks is None:
        return "TensorRT"
    if find_spec("torch") is not None and find_spec("onnx") is not None:
        from engines.runtimes.pytorch import load_torch

        with suppress(DeviceError):
            load_torch("cuda")
            return "PyTorch"
    raise DeviceError(f"{gpu.name} cannot be used: {lacks[0]}; run: {lacks[1]}")


def choose(wanted: str, gpus: int = 1) -> Device:
    """The device to use, see DeviceChoice.

    auto: a GPU that lacks something is told of, once, and the CPU taken. DeviceError when cuda is
    asked for, or more GPUs than one are, and cannot be had.
    """
    kind, number = DeviceChoice.parse(wanted)
    if kind == "cpu":
        return "cpu"
    try:
        for gpu in usable_gpus(number, gpus):
            runtime(gpu)
    except DeviceError as error:
        if gpus > 1:
            raise DeviceError(f"--gpus {gpus} cannot be had here. {error}") from error
        if kind == "cuda":
            raise DeviceError(f"There is no --device {wanted} here. {error}") from error
        if _has_driver():
            LOG.warning("%s The CPU is used.", error)
        return "cpu"
    return "cuda"


def open_nvidia(
    card: Card,
    located: Located,
    decoder: Decoder,
    sizing: Sizing,
    *,
    live: bool,
    keep_maps: Callable[[], bool] = lambda: False,
    gpu: Gpu | None = None,
    beside: bool = False,
) -> OnDevice | Aside:
    """An Estimator on this GPU, or on the first usable; its plan is built now, if it never was.

    beside: whether the thread uses other GPUs too.
    """
    gpu = gpu or usable_gpu()
    if runtime(gpu) == "PyTorch":
        from engines.runtimes.pytorch import open_torch

        device = f"cuda:{gpu.index}"
        return open_torch(card, located, device, decoder, sizing, live=live, keep_maps=keep_maps)
    from engines.nvidia.cuda_stream import Cuda

    network = Planned(card, located, gpu, sizing)
    cuda = Cuda(gpu)
    try:
        network.load()
        estimator = OnDevice(
            cuda.lane,
            network,
            decoder,
            card.input,
            sizing,
            live=live,
            keep_maps=keep_maps,
            close=cuda.close,
        )
        return Aside(cuda, estimator) if beside else estimator
    except EngineError:
        cuda.close()
        raise


def open_nvidia_crops(
    card: Card, located: Located, border: int, number: int | None = None
) -> CropsOnDevice:
    """A crop network on the GPU of this number, or on the first usable; DeviceError or WeightsError
    where it cannot run.

    border: grey value beyond a picture's edge.
    """
    roles, entry = tuple(card.decoder.outputs), card.input
    gpu = usable_gpu(number=number)
    if runtime(gpu) == "PyTorch":
        from engines.runtimes.pytorch import open_torch_crops

        return open_torch_crops(card, located, f"cuda:{gpu.index}", border)
    from engines.nvidia.cuda_stream import Cuda

    network = Planned(card, located, gpu, entry.sizing(), BATCHES[-1])
    cuda = Cuda(gpu)
    try:
        network.load()
        return CropsOnDevice(cuda.lane(), network, roles, entry, border, cuda.close)
    except EngineError:
        cuda.close()
        raise


class Planned:
    """A DeviceNetwork with a plan for the pictures that come, built before where one fits.

    most: pictures at once that a plan holds where no more have come yet.
    """

    def __init__(
        self, card: Card, located: Located, gpu: Gpu, sizing: Sizing, most: int = PLAN_CAMERAS
    ) -> None:
        self._card, self._located, self._gpu = card, located, gpu
        self._usual = Profile.usual(card.input, most, [sizing])
        self._engines: dict[Profile, TensorRt] = {}

    def load(self) -> None:
        """A plan for single pictures of 16:9, so that what goes wrong is told before any come."""
        _, (_, high, wide), _ = self._usual.shapes(self._card.input.stride)
        self._holding((1, high, wide))

    def bind(self, lane: Lane, entry: Buffer, shape: tuple[int, int, int]) -> BoundNetwork:
        return self._holding(shape).bind(lane, entry, shape)

    def close(self) -> None:
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()

    def _holding(self, shape: tuple[int, int, int]) -> TensorRt:
        least = Profile.of(shape)
        for profile, engine in self._engines.items():
            if profile.holds(least):
                return engine
        self._usual = self._usual.widened(shape)
        library, plan, content = plan_for(
            self._card, self._located, self._usual, self._gpu, least=least
        )
        engine = TensorRt(library, content, self._located.weights.outputs, self._card.input.layout)
        self._engines[plan.profile] = engine
        return engine


def _has_driver() -> bool:
    """A machine without one is no NVIDIA machine, and hears nothing of all this."""
    try:
        load_driver()
    except DeviceError as error:
        return not isinstance(error.__cause__, OSError)
    return True
