"""A video file's frames a second, beside what its network reaches alone.

    python -m tests.bench.throughput [--frames 1000] [--rounds 3] [--precision int8]

The pipeline (decode, network, people, JSON) and the bare network take turns in one process with
the same compiled settings and requests in flight, since the machine's speed drifts.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from engines.models.card import Precision, load_card
from engines.models.weights import locate
from engines.opening import engine_opener
from engines.runtimes.openvino_cpu import OpenVino
from engines.types.letterbox import Letterbox
from realtime.pipeline import Pipeline
from realtime.settings.model import ModelSettings
from realtime.settings.sources import SourceSettings
from realtime.sinks.opening import open_sinks
from realtime.sinks.together import Together
from realtime.sources import open_source
from realtime.types.frames import Frame, Source
from tests.conftest import DATA
from tests.realtime.wanted import settings

MODEL = "human-pose-estimation-0001"
CLIP = DATA / "video" / "street.avi"


class Looped:
    """A clip again and again up to a number of frames, with times that go on."""

    live = False
    notes: Sequence[str] = ()

    def __init__(self, path: Path, frames: int) -> None:
        self._path = path
        self.total: int | None = frames
        self.name = path.stem
        self.rate: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            with open_source(SourceSettings(str(self._path))) as clip:
                for frame in clip:
                    if index == self.total:
                        return
                    name = f"{self.name}_{index:012d}"
                    captured = time.monotonic()
                    yield Frame(self.name, index, name, index / 50, captured, frame.image)
                    index += 1


def pipeline(source: Source, precision: Precision, **outputs: Path) -> float:
    """Seconds a frame of the whole program, from the second frame on."""
    models = ModelSettings(MODEL, precision=precision)
    card = load_card(MODEL)
    open_engine = engine_opener(card, models, live=False)
    count, began = 0, 0.0
    with Together(open_sinks(settings(str(CLIP), **outputs), [source], card)) as sinks:
        for result in Pipeline([source], open_engine):
            sinks.write(result)
            count += 1
            if count == 1:
                began = time.perf_counter()
    return (time.perf_counter() - began) / (count - 1)


def alone(frames: int, precision: Precision) -> float:
    """Seconds a frame of the bare network, same settings, same requests in flight."""
    card = load_card(MODEL)
    network = OpenVino(card, locate(card, precision), live=False)
    with open_source(SourceSettings(str(CLIP), end=50)) as clip:
        images = [frame.image for frame in clip]
    box = Letterbox.fit((1280, 720), card.input.height, card.input.stride)
    inputs = [box.apply(image) for image in images]
    flying = 0
    began = 0.0
    for n in range(frames + 1):
        network.submit([inputs[n % len(inputs)]])
        flying += 1
        if flying == network.depth:
            network.result()
            flying -= 1
        if n == 0:
            began = time.perf_counter()
    network.close()
    return (time.perf_counter() - began) / frames


def main() -> None:
    """Print frames a second and ratios, one line a round."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--frames", type=int, default=1000)
    ask.add_argument("--rounds", type=int, default=3)
    ask.add_argument("--precision", default="int8", choices=("int8", "bf16", "fp32"))
    args = ask.parse_args()
    os.environ.setdefault("POSE_WEIGHTS", str(DATA / "models"))
    json_ratios, video_ratios = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for turn in range(args.rounds):
            source = Looped(CLIP, args.frames)
            before = alone(args.frames // 2, args.precision)
            used = resource.getrusage(resource.RUSAGE_SELF)
            with_json = pipeline(source, args.precision, json=folder / f"j{turn}")
            spent = resource.getrusage(resource.RUSAGE_SELF)
            processor = spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime
            video = folder / f"{turn}.mp4"
            with_video = pipeline(source, args.precision, json=folder / f"v{turn}", output=video)
            after = alone(args.frames // 2, args.precision)
            bare = (before + after) / 2
            json_ratios.append(bare / with_json)
            video_ratios.append(bare / with_video)
            print(
                f"round {turn + 1}: network alone {1 / bare:.1f} frames/s, "
                f"with --json {1 / with_json:.1f} (x{bare / with_json:.3f}, "
                f"{1000 * processor / args.frames:.1f} ms of processor time a frame), "
                f"with --json --output {1 / with_video:.1f} (x{bare / with_video:.3f})",
                flush=True,
            )
    print(
        f"median ratio to the network alone: --json {statistics.median(json_ratios):.3f}, "
        f"--json --output {statistics.median(video_ratios):.3f}"
    )


if __name__ == "__main__":
    main()
