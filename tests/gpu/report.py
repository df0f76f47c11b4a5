"""What python -m tests.gpu.run does, once the packages are there: compare, measure, print."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.models.card import load_card
from engines.models.weights import locate
from engines.networks import NETWORKS
from engines.nvidia.driver import Gpu, usable_gpu
from engines.nvidia.open import INSTALL
from engines.nvidia.tensorrt_engine import installed
from engines.runtimes.device_graph import DeviceGraph
from engines.runtimes.pytorch import TorchLane, TorchNetwork, load_graph, load_torch, open_torch
from engines.types.errors import EngineError
from engines.types.letterbox import Letterbox, Rows
from tests.gpu.crops import compare_crops, time_crops
from tests.gpu.measure import (
    PEOPLE,
    PICTURE,
    Crowds,
    Effort,
    Floors,
    OpenLane,
    Report,
    Row,
    Still,
    crowd,
    floors,
    parser_of,
)

CARD = load_card("pafnet")
PARSER = parser_of(CARD)
PHOTO = Path(__file__).parents[2] / "docs" / "astronaut.jpg"
GOAL_PARSING, GOAL_ALONE, GOAL_RATE = 0.15, 1.5, 3000  # ms a frame, ms, frames/s at batch 8


def compare(open_lane: OpenLane, height: int) -> None:
    """Letterbox to the bit, candidates and people as the numpy path finds them."""
    box = Letterbox.fit(PICTURE, height, CARD.input.stride)
    for people, noise in ((1, 0.0), (5, 0.01), (PEOPLE, 0.02)):
        rng = np.random.default_rng(people)
        maps = [crowd(box.network, people, noise), crowd(box.network, people + 1, noise)]
        lane = open_lane()
        frame = DeviceGraph(lane, Still(maps), PARSER, CARD.input, box, 2)
        shape = 2, PICTURE[1], PICTURE[0], 3
        pictures = rng.integers(0, 256, shape).astype(np.uint8)
        worst_xy = worst_score = 0.0
        for _ in range(3):  # a recording must give the same each time
            frame.start(list(pictures))
            for ours, (heat, pafs) in zip(frame.result(), maps, strict=True):
                oracle = PARSER.candidates(heat, pafs, box)
                np.testing.assert_array_equal(ours.peaks[:, 0], oracle.peaks[:, 0])
                np.testing.assert_array_equal(ours.pairs[:, :3], oracle.pairs[:, :3])
                scale = 1 / max(box.scale)
                apart = np.abs(ours.peaks[:, 1:3] - oracle.peaks[:, 1:3]).max(initial=0) / scale
                off = np.abs(ours.pairs[:, 3] - oracle.pairs[:, 3]).max(initial=0)
                worst_xy, worst_score = max(worst_xy, apart), max(worst_score, off)
                assert apart <= 0.05, f"peaks are {apart} px apart"
                assert off <= 1e-3, f"scores are {off} apart"
                mine, right = PARSER.decode(ours), PARSER.decode(oracle)
                np.testing.assert_array_equal(mine.found, right.found)
        seen = lane.fetch(frame._input)
        mean, scales = np.array([CARD.input.mean, CARD.input.scale], np.float32)
        for ours_, picture in zip(seen, pictures, strict=True):
            right_ = (box.apply(picture) - mean) / scales
            np.testing.assert_array_equal(ours_, right_.transpose(2, 0, 1))
        print(
            f"   {people:2} people, noise {noise}: letterbox to the bit, people identical, "
            f"peaks within {worst_xy:.1e} px, scores within {worst_score:.1e}"
        )


def photo(device: Any, height: int, precisions: Sequence[str]) -> None:
    """The network in the box on a real photo, beside torch's fp32 on the CPU."""
    picture: Any = cv2.imread(str(PHOTO))
    pictures = [picture, np.ascontiguousarray(picture[:, ::-1])]

    def people(where: Any, precision: Any) -> list[Any]:
        located = locate(CARD, precision, download=False)
        estimator = open_torch(CARD, located, where, PARSER, Rows(height), live=True)
        try:
            for _ in range(3):  # recorded, and run again
                estimator.submit(pictures)
                found = [estimator.decoder.decode(one) for one in estimator.result()]
            return found
        finally:
            estimator.close()

    truth = people("cpu", "fp32")
    assert sum(map(len, truth)), "nobody is found on the photo"
    for precision in precisions:
        found = people(device, precision)
        for ours, right in zip(found, truth, strict=True):
            apart = np.nanmax(np.abs(ours.xy - right.xy)) if len(ours) == len(right) else np.inf
            print(f"   {precision}: {len(ours)} people, keypoints at most {apart:.3f} px apart")
            if precision == "fp32":
                np.testing.assert_array_equal(ours.found, right.found)
                assert apart <= 0.1, f"keypoints are {apart} px apart"


def module_of(torch: Any, name: str | None) -> tuple[str, Any]:
    """The network in the box with its weights, or one of engines/networks with random ones."""
    if name is None:
        return CARD.name, load_graph(locate(CARD, "fp16", download=False), CARD.decoder)
    place, make = NETWORKS[name].split(":")
    return f"{name} with random weights", getattr(import_module(place), make)(19, 38)


def tensorrt(report: Report, gpu: Gpu, precision: Any) -> None:
    if not installed(gpu):
        raise EngineError(f"TensorRT for {gpu.name} is not installed; run: {INSTALL}")
    from engines.nvidia.cuda_stream import Cuda
    from engines.nvidia.open import Planned

    located = locate(CARD, precision, download=False)
    network = Planned(CARD, located, gpu, Rows(max(report.effort.heights)))
    cuda = Cuda(gpu)
    try:
        network.load()
        report.table(f"TensorRT {precision}, {CARD.name}, CUDA", CARD, cuda.lane, network)
    finally:
        network.close()
        cuda.close()


def gaps(rows: list[Row], least: Floors) -> None:
    """Each part beside its floor, and where most of the rest is."""
    print(
        f"   matrix product {least.product / 1e12:.2f} TFLOP/s, memory "
        f"{least.bandwidth / 1e9:.0f} GB/s, to the device {least.link / 1e9:.1f} GB/s"
    )
    for row in rows:
        floor = least.of(row)
        above = {part: row.parts[part] - floor[part] for part in floor}
        above["the host, copies and launches included"] = row.alone - row.device
        worst = max(above, key=lambda part: above[part])
        cells = ", ".join(f"{part} {row.parts[part]:.3f}/{floor[part]:.3f}" for part in floor)
        print(
            f"   {row.name}, {row.size[0]}x{row.size[1]}, batch {row.batch}: ms/floor {cells}; "
            f"most above its floor: {worst}, by {above[worst]:.3f} ms"
        )


def goals(rows: list[Row], dry: bool) -> None:
    """The goals of this path, and what was reached; for an H200 or its like."""
    if dry:
        raise EngineError("DRY: nothing was measured.")

    def told(what: str, row: Row, value: float, good: bool) -> None:
        verdict = "reached" if good else "MISSED"
        print(f"   {verdict}: {what}: {value:.3f}  ({row.name}, {row.size[0]}x{row.size[1]})")

    for row in rows:
        parsing = (row.parts["peaks"] + row.parts["limbs"]) / row.batch
        if row.size[1] == 368 and row.batch == 1:
            what = f"peaks and limbs of {PEOPLE} people <= {GOAL_PARSING} ms"
            told(what, row, parsing, parsing <= GOAL_PARSING)
        if row.batch == 1 and row.size[1] <= 368:
            told(f"end to end <= {GOAL_ALONE} ms", row, row.alone, row.alone <= GOAL_ALONE)
        if row.batch == 8 and row.size[1] <= 368:
            told(f"frames/s at batch 8 >= {GOAL_RATE}", row, row.rate, row.rate >= GOAL_RATE)


def main(network: str | None, dry: bool, trouble: str | None) -> int:
    effort = Effort(dry)
    report = Report(effort)
    step = report.step
    gpu = cuda = None
    with step("driver"):
        gpu = usable_gpu()
        print(f"   {gpu.name}, {gpu.capability}, {gpu.memory / 2**30:.0f} GiB, CUDA {gpu.driver}")
    device: Any = "cpu" if dry else "cuda"
    torch = None
    with step("torch"):
        torch = load_torch(device)
        if dry:
            torch.set_num_threads(1)
        print(f"   torch {torch.__version__}, {device}")
    with step("CUDA kernels, compiled and loaded"):
        if trouble is not None or gpu is None:
            raise EngineError(trouble or "there is no GPU.")
        from engines.nvidia.cuda_stream import Cuda

        cuda = Cuda(gpu)
    if cuda is not None:
        with step("CUDA kernels against numpy"):
            for height in (100,) if dry else (368, 250):
                compare(cuda.lane, height)
        with step("CUDA crops against OpenCV"):
            print(f"   {compare_crops(cuda.lane)}")
        with step("CUDA crops, CUDA graph, no network"):
            time_crops(cuda.lane, effort)
        with step("CUDA kernels, CUDA graph, no network"):
            report.table("CUDA kernels, no network", CARD, cuda.lane, Crowds())
        cuda.close()
    module = None
    if torch is not None:
        with step("torch operations against numpy"):
            for height in (100,) if dry else (368, 250):
                compare(lambda: TorchLane(torch, device), height)
        with step("torch crops against OpenCV"):
            print(f"   {compare_crops(lambda: TorchLane(torch, device))}")
            time_crops(lambda: TorchLane(torch, device), effort)
        with step("a photo"):
            photo(device, 96 if dry else 368, ("fp32",) if dry else ("fp32", "fp16"))
        with step("torch network, torch operations"):
            name, module = module_of(torch, network)
            precision = "fp32" if dry else "fp16"
            runs = TorchNetwork(torch, module, ("heatmaps", "pafs"), precision, device)
            title = f"torch {precision}, {name}"
            report.table(title, CARD, lambda: TorchLane(torch, device), runs)
    for precision in ("fp16", "int8"):
        with step(f"TensorRT {precision}"):
            if gpu is None:
                raise EngineError("there is no GPU.")
            tensorrt(report, gpu, precision)
    with step("floors"):
        if torch is None or module is None:
            raise EngineError("there is no torch to measure them with.")
        gaps(report.rows, floors(torch, module, device, CARD, effort))
    with step("goals"):
        goals(report.rows, dry)
    with step("memory"):
        if gpu is None or torch is None or device == "cpu":
            raise EngineError("there is no GPU.")
        free, total = torch.cuda.mem_get_info()
        most = torch.cuda.max_memory_allocated()
        print(f"   torch at most {most / 2**20:.0f} MiB; in use {(total - free) / 2**20:.0f} MiB")
    print("\n== Not run, or wrong")
    print("\n".join(f"   {one}" for one in report.not_run) or "   nothing: all of it ran")
    return 0 if dry else int(bool(report.not_run))
