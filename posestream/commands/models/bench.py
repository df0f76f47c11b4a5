"""How fast a model runs here: latency of one picture alone, and throughput (fps)."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Literal

import cv2
import numpy as np

from engines.estimator import Estimator, check_height, open_estimator
from engines.machine import processor
from engines.models.card import Card, load_card
from engines.models.download import download_bar
from engines.models.weights import Device, Located, locate
from engines.nvidia.driver import usable_gpu
from engines.nvidia.open import choose, runtime
from engines.types.arrays import Image
from engines.types.errors import EngineError, UsageError

COMPARED_HEIGHT = 256  # at which models are compared
WARM_UP_FRAMES = 3


@dataclass(frozen=True)
class Options:
    """Measure how fast a model runs on this machine."""

    model: str = field(metadata={"positional": True})
    """A model's name, as `list` shows it, or your own model card (a .toml file)."""
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    """Arithmetic of the network; auto picks the fastest one that has weights."""
    device: Literal["auto", "cuda", "cpu"] = "auto"
    """Where the network runs; auto picks an NVIDIA GPU where one is ready, else the CPU."""
    height: int | None = None
    """Rows of the network's input; by default 256 and the model's own are measured."""
    frames: int = 100
    """How many frames to measure."""
    image: str | None = None
    """A picture to run on, for example photo.jpg; a black one of 1280x720 by default."""

    def __post_init__(self) -> None:
        for name in ("height", "frames"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UsageError(f"--{name} must be 1 or more, not {value}.")


def run(options: Options) -> int:
    """A table: a row a height."""
    card = load_card(options.model)
    picture = _picture(options.image)
    place = choose(options.device)
    with download_bar() as bar:
        located = locate(card, options.precision, device=place, progress=bar)
    wide, high = picture.shape[1], picture.shape[0]
    sys.stdout.write(
        f"{card.name}, {located.precision}, {located.paths[0].name}\n"
        f"{_where(place, located)}\n"
        f"{options.frames} frames of {options.image or 'a black picture'}, {wide}x{high}\n\n"
        f"{'network':>10}{'network ms':>18}{'people ms':>18}{'':>14}\n"
        f"{'input':>10}{'median':>9}{'p95':>9}{'median':>9}{'p95':>9}{'fps':>14}\n"
    )
    for rows in [options.height] if options.height else heights(card):
        box = card.input.letterbox(check_height(card, rows), (wide, high))
        network, people = _latency(card, located, place, rows, picture, options.frames)
        seconds = [np.percentile(times, q) for times in (network, people) for q in (50, 95)]
        rate = _throughput(card, located, place, rows, picture, options.frames)
        sys.stdout.write(
            f"{f'{box.network[0]}x{box.network[1]}':>10}"
            f"{''.join(f'{1e3 * one:9.2f}' for one in seconds)}{rate:14.1f}\n"
        )
    return 0


def heights(card: Card) -> Sequence[int | None]:
    """That of the card and the one that others are compared at; None where there is no choice."""
    own = card.input.height or card.input.longer
    return sorted({COMPARED_HEIGHT, own}) if own else [None]


def _where(device: Device, located: Located) -> str:
    """The processor and the runtime that are measured."""
    gpu = usable_gpu() if device == "cuda" else None
    if located.weights.network is not None or (gpu and runtime(gpu) == "PyTorch"):
        what = f"torch {version('torch')}"
    else:
        what = "TensorRT" if gpu else f"OpenVINO {version('openvino')}"
    return f"{gpu.name if gpu else processor()}, {what}"


def _picture(image: str | None) -> Image:
    if image is None:
        return np.zeros((720, 1280, 3), np.uint8)
    picture = cv2.imread(image)
    if picture is None:
        raise EngineError(f"{image} cannot be read as a picture.")
    return np.asarray(picture, np.uint8)


def _latency(
    card: Card, located: Located, device: Device, height: int | None, picture: Image, frames: int
) -> tuple[list[float], list[float]]:
    """Seconds of each picture alone: to its evidence, and from there to the people."""
    estimator = open_estimator(card, located, device=device, height=height, live=True)
    network, people = [], []
    try:
        for _ in range(WARM_UP_FRAMES + frames):
            began = time.perf_counter()
            estimator.submit([picture])
            [evidence] = estimator.result()
            between = time.perf_counter()
            estimator.decoder.decode(evidence)
            people.append(time.perf_counter() - between)
            network.append(between - began)
    finally:
        estimator.close()
    return network[WARM_UP_FRAMES:], people[WARM_UP_FRAMES:]


def _throughput(
    card: Card, located: Located, device: Device, height: int | None, picture: Image, frames: int
) -> float:
    """In fps, with as many pictures in flight as the estimator likes."""
    estimator = open_estimator(card, located, device=device, height=height, live=False)
    try:
        _stream(estimator, picture, WARM_UP_FRAMES * estimator.depth)
        began = time.perf_counter()
        _stream(estimator, picture, frames)
        return frames / (time.perf_counter() - began)
    finally:
        estimator.close()


def _stream(estimator: Estimator, picture: Image, frames: int) -> None:
    for n in range(frames + estimator.depth):
        if n >= estimator.depth:
            [evidence] = estimator.result()
            estimator.decoder.decode(evidence)
        if n < frames:
            estimator.submit([picture])
