"""How long the PAF decoder takes: python -m tests.bench.decoder

On rendered maps of 46x82 cells with a little noise, and, where the test data is, on every tenth
frame of street.avi through the fp32 network. `plain x4` and `plain x8` are the usual way to find
the peaks: enlarge the maps (cv2.resize, cubic), then compare every pixel with its neighbours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov

from engines.decoders.assembly import assemble
from engines.decoders.limb_scores import score_limbs
from engines.decoders.paf import PafDecoder
from engines.decoders.peaks import find_peaks
from engines.models.card import load_card
from engines.types.arrays import Floats
from engines.types.letterbox import Letterbox
from tests import synth
from tests.conftest import DATA

SIZE = (656, 368)
STEPS = ("evidence", "decode", "peaks", "limbs", "assemble", "plain x4", "plain x8")
Maps = tuple[Floats, Floats]
Times = dict[str, list[float]]


def plain_peaks(maps: Floats, threshold: float, factor: int) -> Floats:
    """(M, 4) peaks as find_peaks gives them, from maps enlarged `factor` times."""
    found = []
    for kind, plane in enumerate(maps):
        big = cv2.resize(plane, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        edged = np.pad(big, 1)
        higher = (
            (big > threshold)
            & (big >= edged[1:-1, :-2])
            & (big >= edged[1:-1, 2:])
            & (big >= edged[:-2, 1:-1])
            & (big >= edged[2:, 1:-1])
        )
        y, x = np.nonzero(higher)
        at = [(axis + 0.5) / factor - 0.5 for axis in (x, y)]
        found.append(np.stack([np.full(len(x), kind), *at, big[y, x]], axis=1))
    return np.concatenate(found).astype(np.float32)


def measure(
    decoder: PafDecoder, maps: Maps, box: Letterbox, repeats: int
) -> tuple[Times, tuple[int, int, int]]:
    """Milliseconds of every step, one number a repeat; and people, peaks and pairs found."""
    settings, skeleton = decoder.settings, decoder.skeleton
    heat, pafs = maps[0][: len(skeleton.keypoints)], maps[1]
    times: Times = {step: [] for step in STEPS}

    def clock(step: str, call: Callable[[], Any], share: int = 1) -> Any:
        call()
        for _ in range(max(3, repeats // share)):
            start = time.perf_counter()
            result = call()
            times[step].append(1e3 * (time.perf_counter() - start))
        return result

    evidence = clock("evidence", lambda: decoder.candidates(*maps, box))
    poses = clock("decode", lambda: decoder.decode(evidence))
    peaks = clock("peaks", lambda: find_peaks(heat, settings.peak_threshold))
    clock(
        "limbs",
        lambda: score_limbs(
            pafs,
            peaks,
            skeleton.limbs,
            decoder.channels,
            settings.samples,
            settings.sample_threshold,
            settings.least_above,
        ),
    )
    clock("assemble", lambda: assemble(evidence, skeleton, settings.peak_weight))
    for factor in (4, 8):
        step = f"plain x{factor}"
        clock(step, lambda: plain_peaks(heat, settings.peak_threshold, factor), 20)  # noqa: B023
    return times, (len(poses), len(evidence.peaks), len(evidence.pairs))


def street(data: Path) -> Iterator[tuple[Maps, Letterbox]]:
    """Maps of every tenth frame of street.avi at height 368."""
    card = load_card("human-pose-estimation-0001")
    graph = data / "models" / f"{card.name}.onnx"
    network = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    video = cv2.VideoCapture(str(data / "video" / "street.avi"))
    for index in range(10**6):
        if not video.grab():
            return
        if index % 10 == 0:
            frame = video.retrieve()[1]
            box = Letterbox.fit((frame.shape[1], frame.shape[0]), SIZE[1], card.input.stride)
            result = network(box.apply(frame).transpose(2, 0, 1)[None].astype(np.float32))
            yield (result["heat"][0].copy(), result["paf"][0].copy()), box


def row(name: str, times: Times, counts: tuple[float, float, float]) -> None:
    total = np.add(times["evidence"], times["decode"])
    people, peaks, pairs = counts
    line = f"{name:10s} {people:6.1f} {peaks:5.0f} {pairs:5.0f} {np.median(total):7.2f}"
    line += "".join(
        f" {np.median(times[step]):5.2f} {np.percentile(times[step], 95):5.2f}"
        for step in STEPS[:5]
    )
    plain = [float(np.median(times[step])) for step in STEPS[5:]]
    line += "".join(f" {ms:7.1f} {ms / np.median(times['peaks']):5.0f}" for ms in plain)
    print(line)


def main() -> None:
    card = load_card("human-pose-estimation-0001")
    decoder = card.decoder
    print("Milliseconds, median and 95th percentile; maps of 46x82 cells.")
    print(f"{'':36s}" + "".join(f"{step:>12s}" for step in STEPS[:5]), end="")
    print("".join(f"{step:>14s}" for step in STEPS[5:]))
    print(f"{'':10s} {'people':>6s} peaks pairs {'total':>7s}" + "   med   p95" * 5, end="")
    print("     med ratio" * 2)
    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 10, 20, 30):
        maps = synth.render(synth.crowd(count, SIZE, rng), SIZE, noise=0.01, rng=rng)
        times, counts = measure(decoder, maps, Letterbox(SIZE, SIZE, SIZE), 200)
        row(f"rendered {count}", times, counts)
    if not (DATA / "video" / "street.avi").is_file():
        print("no street.avi: set POSE_TEST_DATA to the folder of the test data")
        return
    parts = [measure(decoder, maps, box, 20) for maps, box in street(DATA)]
    together = {step: [ms for times, _ in parts for ms in times[step]] for step in STEPS}
    row("street.avi", together, tuple(np.mean([counts for _, counts in parts], axis=0)))


if __name__ == "__main__":
    main()
