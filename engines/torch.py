"""Torch as a device: networks that are torch modules, and the kernels in torch operations.

On a CUDA GPU or the CPU, without TensorRT, nvcc or pycuda. Torch is imported here and in
engines/networks alone, when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engines.card import Card
from engines.decoders.paf import PafDecoder
from engines.errors import CardError, DeviceError, WeightsError
from engines.lane import Argument, Lane, MapShape, Shape
from engines.letterbox import Rows
from engines.networks import NETWORKS
from engines.ondevice import OnDevice
from engines.torch_kernels import KERNELS
from engines.weights import Device, Located

WARM_UP = 3  # runs before one is recorded: libraries choose their algorithms then


def load_torch(device: str) -> Any:
    """The library, if it can use the device ("cuda" or "cpu")."""
    try:
        import torch
    except ImportError as error:
        raise DeviceError(
            f"PyTorch cannot be imported ({error}); run: pip install torch==2.13.0"
        ) from error
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"PyTorch {torch.__version__} sees no CUDA GPU; run python -m engines doctor."
        )
    return torch


class TorchLane:
    """A Lane on a CUDA stream; on the CPU everything is done at once."""

    def __init__(self, torch: Any, device: str) -> None:
        self._torch, self._device = torch, torch.device(device)
        self._stream = torch.cuda.Stream() if self._device.type == "cuda" else None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """On this lane, with the GPU's failures (a RuntimeError, as memory that is full) told."""
        try:
            with self._torch.cuda.stream(self._stream), self._torch.inference_mode():
                yield
        except RuntimeError as error:
            if self._stream is None or isinstance(error, DeviceError):
                raise
            raise DeviceError(f"The GPU failed: {_first_line(error)}") from error

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> Any:
        with self._told():
            return self._torch.empty(tuple(shape), dtype=self._kind(dtype), device=self._device)

    def constant(self, value: NDArray[Any]) -> Any:
        with self._told():
            made = self._torch.from_numpy(np.ascontiguousarray(value)).to(self._device, copy=True)
        if self._stream is not None:
            self._torch.cuda.synchronize()  # copied on another stream than the one that reads it
        return made

    def host(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        pinned = self._stream is not None
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
        array: NDArray[Any] = value.cpu().numpy()
        return array

    def _kind(self, dtype: DTypeLike) -> Any:
        name = np.dtype(dtype).name
        return getattr(self._torch, "int32" if name == "uint32" else name)


@dataclass
class _Bound:
    lane: TorchLane
    module: Any
    dtype: Any
    entry: Any
    heatmaps: Any
    pafs: Any

    @property
    def shapes(self) -> tuple[MapShape, MapShape]:
        return tuple(self.heatmaps.shape), tuple(self.pafs.shape)

    def enqueue(self) -> None:
        self.lane.run(self._forward)

    def _forward(self) -> None:
        heatmaps, pafs = self.module(self.entry.to(self.dtype))
        self.heatmaps.copy_(heatmaps)
        self.pafs.copy_(pafs)


class TorchNetwork:
    """A module on a device, in the precision that is asked for."""

    def __init__(self, torch: Any, module: Any, precision: str, device: str) -> None:
        self._torch = torch
        names = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
        if precision not in names:
            raise WeightsError(f"Torch runs {', '.join(names)}, not {precision}.")
        self._dtype = getattr(torch, names[precision])
        self._module = module.eval().to(torch.device(device), self._dtype)

    def bind(self, lane: Lane, entry: Any, shape: tuple[int, int, int]) -> _Bound:
        assert isinstance(lane, TorchLane)
        with self._torch.inference_mode():
            probe = self._module(entry[:1].new_zeros(1, 3, *shape[1:]).to(self._dtype))
        heatmaps, pafs = (lane.empty((shape[0], *maps.shape[1:]), np.float32) for maps in probe)
        return _Bound(lane, self._module, self._dtype, entry, heatmaps, pafs)

    def close(self) -> None:
        self._module = None


def open_torch(
    card: Card,
    located: Located,
    device: Device,
    decoder: PafDecoder,
    rows: Rows,
    max_people: int | None,
    *,
    live: bool,
    keep_maps: Callable[[], bool] = lambda: False,
) -> OnDevice:
    """An Estimator whose network is the torch module that the weights name."""
    torch = load_torch(device)
    module = load_module(torch, card, located)
    network = TorchNetwork(torch, module, located.precision, device)
    return OnDevice(
        lambda: TorchLane(torch, device),
        network,
        decoder,
        card.input,
        rows,
        max_people=max_people,
        live=live,
        keep_maps=keep_maps,
    )


def load_module(torch: Any, card: Card, located: Located) -> Any:
    """The module that the weights name, with what the file holds."""
    name, path = located.weights.network, located.paths[0]
    if name not in NETWORKS:
        raise CardError(f"There is no network {name!r}; known are {', '.join(NETWORKS)}.")
    place, make = NETWORKS[name].split(":")
    fields = 1 + max(max(pair) for pair in card.paf_channels)
    module = getattr(import_module(place), make)(len(card.skeleton.keypoints) + 1, fields)
    try:
        # Nothing but tensors: a pickle of more could run code.
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch.load raises whatever its readers do
        raise WeightsError(f"{path} holds no weights of {name}: {_first_line(error)}") from error
    return module


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "unknown")
