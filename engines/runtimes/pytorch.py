"""Torch as a device: networks as torch modules, and the kernels in torch operations.

On a CUDA GPU or the CPU, without TensorRT, nvcc or pycuda: a card's own module, or any network that
is ONNX or can be made that. Torch is imported here and in engines/networks alone, when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engines.decoders.decoder import Decoder
from engines.decoders.paf import paf_decoder
from engines.models.card import Card
from engines.models.weights import Located
from engines.networks import CROP_NETWORKS, NETWORKS
from engines.onnx_export.load import read_onnx
from engines.runtimes.device_crops import CropsOnDevice
from engines.runtimes.device_estimator import OnDevice
from engines.runtimes.device_stream import Argument, Lane, Shape
from engines.runtimes.pytorch_kernels import KERNELS
from engines.types.errors import CardError, DeviceError, WeightsError
from engines.types.letterbox import Sizing

DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
WARM_UP = 3  # runs before one is recorded: libraries choose their algorithms then


def load_torch(device: str) -> Any:
    """The library, if it can use the device ("cuda", "cuda:1", ... or "cpu")."""
    try:
        import torch
    except ImportError as error:
        raise DeviceError(
            f"PyTorch cannot be imported ({error}); run: pip install torch==2.13.0"
        ) from error
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise DeviceError(
            f"PyTorch {torch.__version__} sees no CUDA GPU; run python -m engines doctor."
        )
    return torch


@contextmanager
def told(device: str) -> Iterator[None]:
    """A GPU's failures (RuntimeErrors of torch, as memory that is full) as DeviceError."""
    try:
        yield
    except RuntimeError as error:
        if device == "cpu" or isinstance(error, DeviceError):
            raise
        raise DeviceError(f"The GPU failed: {_first_line(error)}") from error


class TorchLane:
    """A Lane on a CUDA stream; on the CPU everything is done at once."""

    def __init__(self, torch: Any, device: str) -> None:
        self._torch, self._device = torch, torch.device(device)
        on_gpu = self._device.type == "cuda"
        self._stream = torch.cuda.Stream(self._device) if on_gpu else None
        if self._stream is not None:
            # There the network was brought to this GPU; streams of torch's do not wait for it.
            self._stream.wait_stream(torch.cuda.default_stream(self._device))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """On this lane, with the GPU's failures told."""
        torch = self._torch
        with told(self._device.type), torch.cuda.stream(self._stream), torch.inference_mode():
            yield

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> Any:
        with self._told():
            return self._torch.empty(tuple(shape), dtype=self._kind(dtype), device=self._device)

    def constant(self, value: NDArray[Any]) -> Any:
        with self._told():
            made = self._torch.from_numpy(np.ascontiguousarray(value)).to(self._device, copy=True)
        self.wait()
        return made

    def host(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        pinned = self._stream is not None
        with told(self._device.type):
            made = self._torch.empty(tuple(shape), dtype=self._kind(dtype), pin_memory=pinned)
        # uint32 has few operations in torch; its bits travel as int32.
        array: NDArray[Any] = made.numpy().view(dtype)
        return array

    def upload(self, to: Any, value: NDArray[Any]) -> None:
        with self._told():
            to.copy_(self._torch.from_numpy(value), non_blocking=True)

    def download(self, to: NDArray[Any], value: Any) -> None:
        signed = to.view(np.int32) if to.dtype == np.uint32 else to
        with self._told():
            self._torch.from_numpy(signed).copy_(value, non_blocking=True)

    def zero(self, buffer: Any) -> None:
        with self._told():
            buffer.zero_()

    def launch(self, kernel: str, grid: Shape, block: Shape, *given: Argument) -> None:
        """As the CUDA kernel of this name; grid and block mean nothing here."""
        values = [x.item() if isinstance(x, np.generic) else x for x in given]
        with self._told():
            KERNELS[kernel](self._torch, *values)

    def run(self, work: Callable[[], None]) -> None:
        """Torch operations, on this lane."""
        with self._told():
            work()

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        if self._stream is None:
            return work
        for _ in range(WARM_UP):
            work()
        self.wait()
        with told("cuda"):
            graph = self._torch.cuda.CUDAGraph()
            with self._torch.cuda.graph(graph, stream=self._stream):
                work()

        def replay() -> None:
            with self._told():
                graph.replay()

        return replay

    def wait(self) -> None:
        if self._stream is not None:
            with self._told():
                self._stream.synchronize()

    def fetch(self, value: Any) -> NDArray[Any]:
        self.wait()
        with self._told():
            array: NDArray[Any] = value.cpu().numpy()
        return array

    def _kind(self, dtype: DTypeLike) -> Any:
        name = np.dtype(dtype).name
        return getattr(self._torch, "int32" if name == "uint32" else name)


@dataclass
class _BoundModule:
    lane: TorchLane
    module: Any
    dtype: Any
    entry: Any
    arrays: dict[str, Any]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {role: tuple(array.shape) for role, array in self.arrays.items()}

    def enqueue(self) -> None:
        self.lane.run(self._forward)

    def _forward(self) -> None:
        found = self.module(_fed(self.entry, self.dtype))
        for to, array in zip(self.arrays.values(), found, strict=True):
            to.copy_(array)


def _fed(entry: Any, dtype: Any) -> Any:
    """Floating-point input in the module's precision; whole numbers as they are."""
    return entry.to(dtype) if entry.is_floating_point() else entry


class TorchNetwork:
    """A module on a device, in the precision that is asked for.

    outputs: the decoder's names of the arrays that it gives, in the module's order.
    """

    def __init__(
        self, torch: Any, module: Any, outputs: Sequence[str], precision: str, device: str
    ) -> None:
        self._torch, self._outputs = torch, tuple(outputs)
        if precision not in DTYPES:
            raise WeightsError(f"Torch runs {', '.join(DTYPES)}, not {precision}.")
        self._dtype = getattr(torch, DTYPES[precision])
        self._module = module.eval().to(torch.device(device), self._dtype)
        if device.startswith("cuda"):
            # The order of dimensions that tensor cores take; TF32 would round fp32 to 10 bits.
            self._module = self._module.to(memory_format=torch.channels_last)
            torch.backends.cudnn.allow_tf32 = precision != "fp32"
            torch.backends.cudnn.benchmark = True

    def bind(self, lane: Lane, entry: Any, shape: tuple[int, int, int]) -> _BoundModule:
        assert isinstance(lane, TorchLane)
        with told(entry.device.type), self._torch.inference_mode():
            probe = self._module(_fed(self._torch.zeros_like(entry[:1]), self._dtype))
        arrays = {
            role: lane.empty((shape[0], *array.shape[1:]), np.float32)
            for role, array in zip(self._outputs, probe, strict=True)
        }
        return _BoundModule(lane, self._module, self._dtype, entry, arrays)

    def close(self) -> None:
        self._module = None


def open_torch(
    card: Card,
    located: Located,
    device: str,
    decoder: Decoder,
    sizing: Sizing,
    *,
    live: bool,
    keep_maps: Callable[[], bool] = lambda: False,
) -> OnDevice:
    """An Estimator whose network is the torch module that the weights name, or are made one."""
    torch, network = _opened(card, located, device, decoder)
    return OnDevice(
        lambda: TorchLane(torch, device),
        network,
        decoder,
        card.input,
        sizing,
        live=live,
        keep_maps=keep_maps,
    )


def open_torch_crops(card: Card, located: Located, device: str, border: int) -> CropsOnDevice:
    """A crop network in torch. border: grey value beyond a picture's edge."""
    torch, network = _opened(card, located, device, card.decoder)
    roles = tuple(card.decoder.outputs)
    return CropsOnDevice(TorchLane(torch, device), network, roles, card.input, border)


def _opened(
    card: Card, located: Located, device: str, decoder: Decoder
) -> tuple[Any, TorchNetwork]:
    """The library, and the card's network in it."""
    torch = load_torch(device)
    if located.weights.network is None:
        module = load_graph(located, decoder)
    else:
        module = load_module(torch, card, located)
    with told(device):
        roles = tuple(decoder.outputs)
        return torch, TorchNetwork(torch, module, roles, located.precision, device)


def load_graph(located: Located, decoder: Decoder) -> Any:
    """ONNX or OpenVINO IR as a module."""
    if located.precision not in DTYPES:
        raise WeightsError(f"Torch runs {', '.join(DTYPES)}, not {located.precision}.")
    model = read_onnx(located, decoder)
    graph = import_module("engines.networks.from_onnx")
    return graph.Graph(model, tuple(located.weights.outputs[role] for role in decoder.outputs))


def load_module(torch: Any, card: Card, located: Located) -> Any:
    """The module that the weights name, with what the file holds."""
    name, path = located.weights.network, located.paths[0]
    if name not in NETWORKS:
        raise CardError(f"There is no network {name!r}; known are {', '.join(NETWORKS)}.")
    module = _made(name, card)
    try:
        if path.suffix.lower() == ".caffemodel":
            state = import_module("engines.networks.caffe").read_caffemodel(path)
        else:
            # Nothing but tensors: a pickle of more could run code.
            state = torch.load(path, map_location="cpu", weights_only=True)
        if name in CROP_NETWORKS:
            published = import_module("engines.networks.single_person.published")
            state = published.renamed(state, module)
        module.load_state_dict(state)
    except WeightsError:
        raise
    except Exception as error:  # torch.load raises whatever its readers do
        raise WeightsError(f"{path} holds no weights of {name}: {_first_line(error)}") from error
    return module


def _made(name: str, card: Card) -> Any:
    """The module of this name, for the card's decoder; CardError where they do not fit."""
    place, make = NETWORKS[name].split(":")
    if name not in CROP_NETWORKS:
        fields = 1 + max(max(pair) for pair in paf_decoder(card.decoder, name).channels)
        return getattr(import_module(place), make)(len(card.skeleton.keypoints) + 1, fields)
    kind = CROP_NETWORKS[name][1]
    if card.decoder.kind != kind:
        raise CardError(f"{name} needs a model with a {kind} decoder, not {card.decoder.kind}.")
    shapes = {role: output.shape for role, output in card.decoder.outputs.items()}
    return getattr(import_module(place), make)(shapes, card.input.size)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "unknown")
