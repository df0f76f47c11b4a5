"""What python -m tests.gpu.run does, once the packages are there: compare, measure, print."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from engines.card import Card, load_card
from engines.decoders.paf import PafDecoder
from engines.errors import EngineError
from engines.frame import Frame
from engines.lane import Bound, Buffer, Lane
from engines.letterbox import Letterbox, Rows
from engines.libcuda import Gpu, usable_gpu
from engines.networks import NETWORKS
from engines.ondevice import OnDevice
from engines.poses import Floats
from engines.torch import TorchLane, TorchNetwork, load_torch
from tests import synth

CARD = load_card("human-pose-estimation-0001")
ENTRY = CARD.input
PICTURE = (1280, 720)
REPEATS = 50
NOT_RUN: list[str] = []


@dataclass(frozen=True, slots=True)
class Wanted:
    """network: of engines/networks, None for our own if there is one. dry: no measurement."""

    network: str | None = None
    dry: bool = False

    @property
    def repeats(self) -> int:
        return 1 if self.dry else REPEATS


ARGS = Wanted()


class Still:
    """A network that gives the same maps whatever it sees."""

    def __init__(self, maps: list[tuple[Floats, Floats]]) -> None:
        self._maps = np.stack([m[0] for m in maps]), np.stack([m[1] for m in maps])

    def bind(self, lane: Lane, entry: Buffer, shape: tuple[int, int, int]) -> Bound:
        return StillBound(entry, *(lane.constant(one) for one in self._maps), *self._maps)

    def close(self) -> None:
        pass


class StillBound:
    def __init__(self, entry: Buffer, heat: Buffer, pafs: Buffer, a: Floats, b: Floats) -> None:
        self.entry, self.heatmaps, self.pafs = entry, heat, pafs
        self.shapes: Any = (a.shape, b.shape)

    def enqueue(self) -> None:
        pass


class Crowded:
    """A torch network that is run, and whose maps are then replaced by those of a crowd.

    Weights that nobody trained would give noise, and noise is not what the rest is made for.
    """

    def __init__(self, network: TorchNetwork) -> None:
        self._network = network

    def bind(self, lane: Any, entry: Buffer, shape: tuple[int, int, int]) -> Bound:
        bound = self._network.bind(lane, entry, shape)
        size = shape[2], shape[1]
        rng = np.random.default_rng(0)
        maps = synth.render(synth.crowd(20, size, rng), size, noise=0.01, rng=rng)
        return CrowdedBound(bound, lane, *(lane.constant(one) for one in maps))

    def close(self) -> None:
        pass


class CrowdedBound:
    def __init__(self, bound: Any, lane: TorchLane, heat: Buffer, pafs: Buffer) -> None:
        self._bound, self._lane, self._maps = bound, lane, (heat, pafs)
        self.heatmaps, self.pafs, self.shapes = bound.heatmaps, bound.pafs, bound.shapes

    def enqueue(self) -> None:
        self._bound.enqueue()
        self._lane.run(self._replace)

    def _replace(self) -> None:
        for to, value in zip((self.heatmaps, self.pafs), self._maps, strict=True):
            to.copy_(value.expand_as(to))


@contextmanager
def step(name: str) -> Iterator[None]:
    """What fails is told and listed; the other steps go on."""
    print(f"\n== {name}", flush=True)
    try:
        yield
    except Exception as error:  # the report must come whatever happens  # noqa: BLE001
        said = " ".join(str(error).split())[:300] or type(error).__name__
        kind = "" if isinstance(error, EngineError) else f"{type(error).__name__}: "
        print(f"   NOT RUN: {kind}{said}")
        NOT_RUN.append(f"{name}: {kind}{said}")


def parser_of(card: Card = CARD) -> PafDecoder:
    return PafDecoder(card.skeleton, card.input.stride, card.paf_channels, card.settings)


def compare(open_lane: Callable[[], Lane], height: int) -> None:
    """Letterbox to the bit, candidates and people as the numpy path finds them."""
    box, parser = Letterbox.fit(PICTURE, height, ENTRY.stride), parser_of()
    size = box.network
    for people, noise in ((1, 0.0), (5, 0.01), (20, 0.02)):
        rng = np.random.default_rng(people)
        maps = [
            synth.render(synth.crowd(people, size, rng), size, noise=noise, rng=rng)
            for _ in range(2)
        ]
        lane = open_lane()
        frame = Frame(lane, Still(maps), parser, ENTRY, box, 2)
        shape = 2, PICTURE[1], PICTURE[0], 3
        pictures = rng.integers(0, 256, shape).astype(np.uint8)
        worst_xy = worst_score = 0.0
        for _ in range(3):  # a recording must give the same each time
            frame.start(list(pictures))
            for ours, (heat, pafs) in zip(frame.result(), maps, strict=True):
                oracle = parser.evidence(heat, pafs, box)
                np.testing.assert_array_equal(ours.peaks[:, 0], oracle.peaks[:, 0])
                np.testing.assert_array_equal(ours.pairs[:, :3], oracle.pairs[:, :3])
                scale = 1 / max(box.scale)
                apart = np.abs(ours.peaks[:, 1:3] - oracle.peaks[:, 1:3]).max(initial=0) / scale
                off = np.abs(ours.pairs[:, 3] - oracle.pairs[:, 3]).max(initial=0)
                worst_xy, worst_score = max(worst_xy, apart), max(worst_score, off)
                assert apart <= 0.05, f"peaks are {apart} px apart"
                assert off <= 1e-3, f"scores are {off} apart"
                mine, right = parser.decode(ours), parser.decode(oracle)
                np.testing.assert_array_equal(mine.found, right.found)
        seen = lane.fetch(frame.parts["network"].__self__.entry)  # type: ignore[attr-defined]
        for ours_, picture in zip(seen, pictures, strict=True):
            np.testing.assert_array_equal(ours_, box.apply(picture).transpose(2, 0, 1))
        print(
            f"   {people:2} people, noise {noise}: letterbox to the bit, people identical, "
            f"peaks within {worst_xy:.1e} px, scores within {worst_score:.1e}"
        )


def milliseconds(lane: Lane, work: Callable[[], None], repeats: int = REPEATS) -> float:
    """Of one in a recording of many: what the device takes, without the host's part."""

    def many() -> None:
        for _ in range(repeats):
            work()

    run = lane.record(many)
    times = []
    for _ in range(1 if ARGS.dry else 5):
        began = time.perf_counter()
        run()
        lane.wait()
        times.append(time.perf_counter() - began)
    return float(np.median(times)) / repeats * 1e3


def table(
    name: str, open_lane: Callable[[], Lane], network: Any, heights: list[int], batches: list[int]
) -> None:
    """Parts and rates of one way to run the frame."""
    dry = "DRY: NO MEASUREMENT  " if ARGS.dry else ""
    parts = ("upload", "letterbox", "network", "peaks", "limbs", "download")
    print(f"   {dry}{name}, {PICTURE[0]}x{PICTURE[1]} pictures; ms for the set of pictures")
    print(f"   {'input':>10}{'batch':>6}{''.join(f'{part:>10}' for part in parts)}"
          f"{'end to end':>12}{'frames/s':>10}")  # fmt: skip
    for height in heights:
        box = Letterbox.fit(PICTURE, height, ENTRY.stride)
        rng = np.random.default_rng(0)
        maps = synth.render(synth.crowd(20, box.network, rng), box.network, noise=0.01, rng=rng)
        for batch in batches:
            pictures = list(rng.integers(0, 256, (batch, *PICTURE[::-1], 3)).astype(np.uint8))
            lane = open_lane()
            frame = Frame(lane, network, parser_of(), ENTRY, box, batch)
            # Peaks and limbs work on a crowd of 20, whatever the network makes of noise.
            still = Frame(lane, Still([maps] * batch), parser_of(), ENTRY, box, batch)
            still.start(pictures)
            still.result()
            figures = [
                milliseconds(
                    lane, (frame if part == "network" else still).parts[part], ARGS.repeats
                )
                for part in parts
            ]
            alone, rate = stream(open_lane, network, height, pictures)
            cells = "".join(f"{figure:10.3f}" for figure in figures)
            size = f"{box.network[0]}x{box.network[1]}"
            print(f"   {size:>10}{batch:6}{cells}{alone:12.3f}{rate:10.0f}", flush=True)


def stream(
    open_lane: Callable[[], Lane], network: Any, height: int, pictures: list[Any]
) -> tuple[float, float]:
    """Milliseconds of a set alone, from host memory to candidates; frames/s with two in flight."""
    sets = 1 if ARGS.dry else 200
    estimator = OnDevice(open_lane, network, parser_of(), ENTRY, Rows(height))
    times = []
    for _ in range(sets):
        began = time.perf_counter()
        estimator.submit(pictures)
        estimator.result()
        times.append(time.perf_counter() - began)
    estimator.submit(pictures)
    began = time.perf_counter()
    for _ in range(sets):
        estimator.submit(pictures)
        estimator.result()
    rate = sets * len(pictures) / (time.perf_counter() - began)
    estimator.result()
    return float(np.median(times)) * 1e3, rate


def floors(torch: Any, module: Any, heights: list[int], device: str) -> None:
    """What the arithmetic and the memory of this GPU allow at best."""
    from torch.utils.flop_counter import FlopCounterMode

    side, kind = (256, torch.float32) if ARGS.dry else (8192, torch.float16)
    one = torch.rand(side, side, device=device, dtype=kind)
    lane = TorchLane(torch, device)
    rate = 2 * side**3 / milliseconds(lane, lambda: lane.run(lambda: one @ one), 5) * 1e3
    copy = milliseconds(lane, lambda: lane.run(lambda: one.clone()), 5)
    bandwidth = 2 * one.nbytes / copy * 1e3
    print(f"   matrix product {rate / 1e12:.2f} TFLOP/s, copy {bandwidth / 1e9:.0f} GB/s")
    for height in heights:
        wide, high = Letterbox.fit(PICTURE, height, ENTRY.stride).network
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            entry = torch.zeros(1, 3, high, wide, device=device)
            module.to(torch.device(device), torch.float32)(entry)
        work = counter.get_total_flops()
        maps = 57 * (high // 8) * (wide // 8) * 4
        read = PICTURE[0] * PICTURE[1] * 3 + high * wide * 3 * 4
        print(
            f"   {wide}x{high}: network {work / 1e9:.1f} GFLOP = {work / rate * 1e3:.4f} ms; "
            f"letterbox {read / 1e6:.1f} MB = {read / bandwidth * 1e3:.4f} ms; "
            f"maps {maps / 1e6:.2f} MB = {maps / bandwidth * 1e3:.4f} ms"
        )


def tensorrt(gpu: Gpu, heights: list[int], batches: list[int]) -> None:
    from engines.cuda import Cuda
    from engines.nvidia import Planned
    from engines.weights import locate

    located = locate(CARD, "fp16", download=False)
    network = Planned(CARD, located, gpu, max(heights))
    network.load()
    cuda = Cuda(gpu)
    try:
        table(f"TensorRT fp16, {CARD.name}, pycuda", cuda.lane, network, heights, batches)
    finally:
        network.close()
        cuda.close()


def main(wanted: Wanted, trouble: str | None) -> int:
    global ARGS
    ARGS = wanted
    heights, batches = ([32], [1]) if ARGS.dry else ([256, 368, 736], [1, 4, 8])
    gpu = None
    with step("driver"):
        gpu = usable_gpu()
        print(f"   {gpu.name}, {gpu.capability}, {gpu.memory / 2**30:.0f} GiB, CUDA {gpu.driver}")
    device = "cpu" if ARGS.dry else "cuda"
    torch = load_torch(device)
    print(f"   torch {torch.__version__}, {device}")
    cuda = None
    with step("kernels, compiled and loaded"):
        if trouble is not None or gpu is None:
            raise EngineError(trouble or "there is no GPU.")
        from engines.cuda import Cuda

        cuda = Cuda(gpu)
    if cuda is not None:
        with step("CUDA kernels against numpy"):
            compare(cuda.lane, 368)
    with step("torch operations against numpy"):
        compare(lambda: TorchLane(torch, device), 128 if ARGS.dry else 368)
    own = [one for one in NETWORKS if not one.startswith("openpose")]
    name = ARGS.network or [*own, "openpose-tpami19"][0]
    place, make = NETWORKS[name].split(":")
    module = getattr(import_module(place), make)(19, 38)
    precision = "fp32" if ARGS.dry else "fp16"
    network = TorchNetwork(torch, module, precision, device)
    title = f"torch {precision}, {name} with random weights"
    with step("torch network, torch operations"):
        table(title, lambda: TorchLane(torch, device), Crowded(network), heights, batches)
    if cuda is not None:
        with step("CUDA kernels alone"):
            wide, high = (n // 8 for n in Letterbox.fit(PICTURE, 368, ENTRY.stride).network)
            still = [tuple(np.zeros((n, high, wide), np.float32) for n in (19, 38))]
            table("no network, pycuda", cuda.lane, Still(still), [368], [1])
        cuda.close()
    with step("TensorRT"):
        if gpu is None:
            raise EngineError("there is no GPU.")
        tensorrt(gpu, heights, batches)
    with step("floors"):
        floors(torch, module, heights, device)
    with step("memory"):
        if gpu is None:
            raise EngineError("there is no GPU.")
        free, total = torch.cuda.mem_get_info()
        most = torch.cuda.max_memory_allocated()
        print(f"   torch at most {most / 2**20:.0f} MiB; in use {(total - free) / 2**20:.0f} MiB")
    print("\n== Not run")
    print("\n".join(f"   {one}" for one in NOT_RUN) or "   nothing: all of it ran")
    return 0 if ARGS.dry else int(bool(NOT_RUN))
