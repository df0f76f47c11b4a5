"""The seam to whatever finds people in pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from engines.decoders.decoder import Decoder
from engines.models.card import Card
from engines.models.weights import Device, Located
from engines.nvidia.driver import Gpu
from engines.runtimes.host_estimator import OnHost
from engines.runtimes.openvino_cpu import OpenVino
from engines.types.arrays import Image
from engines.types.errors import CardError
from engines.types.evidence import Evidence
from engines.types.letterbox import Sizing


class Estimator(Protocol):
    """Pictures in, evidence of people out; its decoder makes people of that, on any thread.

    `submit` and `result` belong to the thread that made it: submit up to `depth` sets of pictures
    (one a camera), then take the results, which come in order. `decoder` is pure, holds no device,
    and stays the same whatever becomes of the device.
    """

    @property
    def depth(self) -> int: ...
    @property
    def decoder(self) -> Decoder: ...
    def submit(self, images: Sequence[Image]) -> None: ...
    def result(self) -> list[Evidence]: ...
    def close(self) -> None: ...


def open_estimator(
    card: Card,
    located: Located,
    *,
    device: Device = "cpu",
    height: int | None = None,
    live: bool = False,
    decoder: Decoder | None = None,
    keep_maps: Callable[[], bool] = lambda: False,
    gpu: Gpu | None = None,
    beside: bool = False,
) -> Estimator:
    """A model ready to run on this machine.

    device: "cuda" is the NVIDIA GPU `gpu`, else the first usable; engines/nvidia/open.py says
    whether there is one. beside: whether the thread uses other GPUs too.
    live: answer each picture as soon as possible rather than as many as possible.
    height, decoder: in place of the card's, whose height upright pictures exceed. keep_maps:
    asked at each result, on its thread, whether the evidence is to bring its maps along.
    DeviceError where the network cannot run here.
    """
    decoder = decoder or card.decoder
    sizing = check_height(card, height)
    if located.weights.network is not None:
        from engines.runtimes.pytorch import open_torch

        own = device if gpu is None else f"cuda:{gpu.index}"
        return open_torch(card, located, own, decoder, sizing, live=live, keep_maps=keep_maps)
    if device == "cuda":
        from engines.nvidia.open import open_nvidia

        return open_nvidia(
            *(card, located, decoder, sizing),
            live=live,
            keep_maps=keep_maps,
            gpu=gpu,
            beside=beside,
        )
    network = OpenVino(card, located, live=live)
    return OnHost(network, decoder, card.input, sizing, keep_maps)


def check_height(card: Card, height: int | None) -> Sizing:
    """How large the network's input is with the user's --height; CardError where it has none."""
    try:
        return card.input.sizing(height)
    except CardError as error:
        raise CardError(f"Model {card.name} {error}") from error
