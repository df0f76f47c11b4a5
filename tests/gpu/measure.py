"""Times of the work on a device, and what the hardware would allow at best."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engines.decoders.paf import PafDecoder
from engines.models.card import Card
from engines.runtimes.device_estimator import OnDevice
from engines.runtimes.device_graph import DeviceGraph
from engines.runtimes.device_stream import BoundNetwork, Buffer, Lane
from engines.runtimes.pytorch import TorchLane
from engines.types.arrays import Floats
from engines.types.errors import EngineError
from engines.types.letterbox import Letterbox, Rows
from tests import synth

PICTURE = (1280, 720)
PEOPLE = 20
PARTS = ("upload", "letterbox", "network", "peaks", "limbs", "download")
OpenLane = Callable[[], Lane]


@dataclass(frozen=True, slots=True)
class Effort:
    """dry: once each, with tiny shapes: the figures mean nothing."""

    dry: bool

    @property
    def repeats(self) -> int:
        return 1 if self.dry else 50

    @property
    def sets(self) -> int:
        return 1 if self.dry else 200

    @property
    def heights(self) -> list[int]:
        return [32] if self.dry else [256, 368, 736]

    @property
    def batches(self) -> list[int]:
        return [1, 2] if self.dry else [1, 4, 8]


@dataclass(frozen=True, slots=True)
class Row:
    """Milliseconds of a set: on the device part by part, on the host, alone; pictures a second."""

    name: str
    size: tuple[int, int]
    batch: int
    parts: dict[str, float]
    copied: float  # the pictures, into page-locked memory
    alone: float
    rate: float

    @property
    def device(self) -> float:
        return sum(self.parts.values())


class Still:
    """A network that gives the same maps whatever it sees."""

    def __init__(self, maps: list[tuple[Floats, Floats]]) -> None:
        self._maps = np.stack([m[0] for m in maps]), np.stack([m[1] for m in maps])

    def bind(self, lane: Lane, entry: Buffer, shape: tuple[int, int, int]) -> BoundNetwork:
        heat, pafs = self._maps
        arrays = {"heatmaps": lane.constant(heat), "pafs": lane.constant(pafs)}
        return StillBound(entry, arrays, {"heatmaps": heat.shape, "pafs": pafs.shape})

    def close(self) -> None:
        pass


class StillBound:
    def __init__(self, entry: Buffer, arrays: dict[str, Buffer], shapes: dict[str, Any]) -> None:
        self.entry, self.arrays, self.shapes = entry, arrays, shapes

    def enqueue(self) -> None:
        pass


class Crowds:
    """No network: a crowd in every picture, of whatever size."""

    def bind(self, lane: Lane, entry: Buffer, shape: tuple[int, int, int]) -> BoundNetwork:
        return Still([crowd((shape[2], shape[1]))] * shape[0]).bind(lane, entry, shape)

    def close(self) -> None:
        pass


class Report:
    """What was printed: rows of the tables, and the steps that could not be gone."""

    def __init__(self, effort: Effort) -> None:
        self.effort = effort
        self.rows: list[Row] = []
        self.not_run: list[str] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """What fails is told and listed; the other steps go on."""
        print(f"\n== {name}", flush=True)
        began = time.perf_counter()
        try:
            yield
            print(f"   ({time.perf_counter() - began:.1f} s)", flush=True)
        except Exception as error:  # the report must come whatever happens  # noqa: BLE001
            said = " ".join(str(error).split())[:300] or type(error).__name__
            kind = "" if isinstance(error, EngineError) else f"{type(error).__name__}: "
            wrong = "WRONG, " if isinstance(error, AssertionError) else ""
            print(f"   {wrong or 'NOT RUN: '}{kind}{said}", flush=True)
            self.not_run.append(f"{name}: {wrong}{kind}{said}")

    def table(self, name: str, card: Card, open_lane: OpenLane, network: Any) -> None:
        """Parts and rates of one way to run the frame, at all heights and batches."""
        effort, stride = self.effort, card.input.stride
        dry = "DRY: NO MEASUREMENT  " if effort.dry else ""
        print(f"   {dry}{name}, {PICTURE[0]}x{PICTURE[1]} pictures; ms for the set of pictures")
        heads = (*PARTS, "copy", "alone", "frames/s")
        print(f"   {'input':>10}{'batch':>6}{''.join(f'{head:>10}' for head in heads)}")
        for height in effort.heights:
            box = Letterbox.fit(PICTURE, height, stride)
            for batch in effort.batches:
                row = measured(name, card, open_lane, network, box, batch, effort)
                self.rows.append(row)
                cells = [*row.parts.values(), row.copied, row.alone]
                print(
                    f"   {f'{box.network[0]}x{box.network[1]}':>10}{batch:6}"
                    f"{''.join(f'{cell:10.3f}' for cell in cells)}{row.rate:10.0f}",
                    flush=True,
                )


def parser_of(card: Card) -> PafDecoder:
    return card.decoder


def crowd(
    size: tuple[int, int], people: int = PEOPLE, noise: float = 0.01
) -> tuple[Floats, Floats]:
    """The maps of a crowd, for a network's input of (width, height)."""
    rng = np.random.default_rng(people)
    return synth.render(synth.crowd(people, size, rng), size, noise=noise, rng=rng)


def measured(
    name: str,
    card: Card,
    open_lane: OpenLane,
    network: Any,
    box: Letterbox,
    batch: int,
    effort: Effort,
) -> Row:
    rng, entry = np.random.default_rng(0), card.input
    pictures = list(rng.integers(0, 256, (batch, *PICTURE[::-1], 3)).astype(np.uint8))
    lane = open_lane()
    frame = DeviceGraph(lane, network, parser_of(card), entry, box, batch)
    # Peaks and limbs work on a crowd, whatever the network makes of noise.
    still = DeviceGraph(lane, Crowds(), parser_of(card), entry, box, batch)
    still.start(pictures)
    still.result()
    parts = {
        part: milliseconds(
            lane, (frame if part == "network" else still).parts[part], effort.repeats
        )
        for part in PARTS
    }
    to = lane.host((batch, *PICTURE[::-1], 3), np.uint8)
    began = time.perf_counter()
    for _ in range(effort.repeats):
        for place, picture in zip(to, pictures, strict=True):
            place[...] = picture
    copied = (time.perf_counter() - began) / effort.repeats * 1e3
    del frame, still
    rows = -(-box.scaled[1] // entry.stride) * entry.stride
    alone, rate = stream(
        OnDevice(open_lane, network, parser_of(card), entry, Rows(rows)), pictures, effort
    )
    return Row(name, box.network, batch, parts, copied, alone, rate)


def milliseconds(lane: Lane, work: Callable[[], None], repeats: int) -> float:
    """Of one in a recording of many: what the device takes, without the host's part."""

    def many() -> None:
        for _ in range(repeats):
            work()

    run = lane.record(many)
    times = []
    for _ in range(1 if repeats == 1 else 5):
        began = time.perf_counter()
        run()
        lane.wait()
        times.append(time.perf_counter() - began)
    return float(np.median(times)) / repeats * 1e3


def stream(estimator: OnDevice, pictures: list[Any], effort: Effort) -> tuple[float, float]:
    """Milliseconds of a set alone, from host memory to candidates; frames/s with two in flight."""
    times = []
    for n in range(effort.sets + 2):
        began = time.perf_counter()
        estimator.submit(pictures)
        estimator.result()
        if n >= 2:  # the first of each lane is recorded
            times.append(time.perf_counter() - began)
    estimator.submit(pictures)
    began = time.perf_counter()
    for _ in range(effort.sets):
        estimator.submit(pictures)
        estimator.result()
    rate = effort.sets * len(pictures) / (time.perf_counter() - began)
    estimator.result()
    return float(np.median(times)) * 1e3, rate


@dataclass(frozen=True, slots=True)
class Floors:
    """What this machine does a second: operations, bytes on the device, bytes to it; and the work
    of a network on one picture, operations by its input's size.
    """

    product: float
    bandwidth: float
    link: float
    work: dict[tuple[int, int], float] = field(default_factory=dict)

    def of(self, row: Row) -> dict[str, float]:
        """The least milliseconds of each part of a set."""
        wide, high = row.size
        picture, entry = PICTURE[0] * PICTURE[1] * 3, wide * high * 3 * 4
        maps = (wide // 8) * (high // 8) * 4
        seconds = {
            "upload": picture / self.link,
            "letterbox": (picture + entry) / self.bandwidth,
            "network": self.work.get(row.size, 0.0) / self.product,
            "peaks": 19 * maps / self.bandwidth,
            "limbs": 38 * maps / self.bandwidth,
            "download": 18 * 127 * 16 / self.link,
        }
        return {part: value * row.batch * 1e3 for part, value in seconds.items()}


def floors(torch: Any, module: Any, device: str, card: Card, effort: Effort) -> Floors:
    """Measured on the machine itself; the network's operations are counted."""
    from torch.utils.flop_counter import FlopCounterMode

    side, kind = (256, torch.float32) if effort.dry else (8192, torch.float16)
    one = torch.rand(side, side, device=device, dtype=kind)
    host = torch.rand(side, side, dtype=kind, pin_memory=device == "cuda")
    lane = TorchLane(torch, device)

    def seconds(work: Callable[[], Any]) -> float:
        return milliseconds(lane, lambda: lane.run(work), 2 if effort.dry else 5) / 1e3

    product = 2 * side**3 / seconds(lambda: one @ one)
    bandwidth = 2 * one.nbytes / seconds(one.clone)
    link = one.nbytes / seconds(lambda: one.copy_(host, non_blocking=True))
    work = {}
    for height in effort.heights:
        size = Letterbox.fit(PICTURE, height, card.input.stride).network
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            module.to(torch.device("cpu"), torch.float32)(torch.zeros(1, 3, size[1], size[0]))
        work[size] = float(counter.get_total_flops())
    return Floors(product, bandwidth, link, work)
