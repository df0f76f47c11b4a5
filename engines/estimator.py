"""The seam to whatever finds people in pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from engines.decoders import DECODERS
from engines.decoders.paf import PafSettings
from engines.models.card import Card
from engines.models.weights import Device, Located
from engines.runtimes.host_estimator import BottomUp
from engines.runtimes.openvino_cpu import OpenVino
from engines.types.arrays import Image
from engines.types.letterbox import Rows
from engines.types.poses import Candidates, Poses


class Estimator(Protocol):
    """Pictures in, people out, in two verbs for two threads.

    `submit` and `result` belong to the thread that made it: submit up to `depth` sets of pictures
    (one a camera), then take the results, which come in order. `decode` is pure.
    """

    @property
    def depth(self) -> int: ...
    def submit(self, images: Sequence[Image]) -> None: ...
    def result(self) -> list[Candidates]: ...
    def decode(self, candidates: Candidates) -> Poses: ...
    def close(self) -> None: ...


def open_estimator(
    card: Card,
    located: Located,
    *,
    device: Device = "cpu",
    height: int | None = None,
    live: bool = False,
    settings: PafSettings | None = None,
    max_people: int | None = None,
    keep_maps: Callable[[], bool] = lambda: False,
) -> Estimator:
    """A model ready to run on this machine.

    device: "cuda" is the first usable NVIDIA GPU; engines/nvidia/open.py says whether there is one.
    live: answer each picture as soon as possible rather than as many as possible.
    height, settings: in place of the card's, whose height upright pictures exceed. keep_maps:
    asked at each result, on its thread, whether the candidates are to bring their maps along.
    DeviceError where the network cannot run here.
    """
    decoder = DECODERS[card.decoder](
        card.skeleton, card.input.stride, card.paf_channels, settings or card.settings
    )
    rows = Rows(height or card.input.height, asked=height is not None)
    if located.weights.network is not None:
        from engines.runtimes.pytorch import open_torch

        return open_torch(
            card, located, device, decoder, rows, max_people, live=live, keep_maps=keep_maps
        )
    if device == "cuda":
        from engines.nvidia.open import open_nvidia

        return open_nvidia(card, located, decoder, rows, max_people, live=live, keep_maps=keep_maps)
    network = OpenVino(card, located, live=live)
    return BottomUp(network, decoder, card.input, rows, max_people, keep_maps)
