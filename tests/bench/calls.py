"""A Pose called a thousand times, beside the bare network on the same pictures.

    python -m tests.bench.calls [--calls 1000] [--model pafnet] [--precision auto]

Three take turns on one core, frame by frame: the network alone (compiled as the package does, on
pictures that were letterboxed before), the estimator (letterbox, network, peaks, people), and
posestream.Pose. Printed is the processor time of each, and the ratios to Pose. The pictures are
those of the clip that comes with the package.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

import numpy as np

import posestream
from engines.estimator import open_estimator
from engines.models.card import load_card
from engines.models.weights import locate
from engines.runtimes.openvino_cpu import OpenVino
from engines.types.arrays import Image
from posestream.demo import CLIP
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from tests.conftest import with_weights

WARM_UP = 10
Call = Callable[[int], object]


def main() -> None:
    """Print a line for each, and the ratios."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.formatter_class = argparse.RawDescriptionHelpFormatter
    ask.add_argument("--calls", type=int, default=1000)
    ask.add_argument("--model", default="pafnet")
    ask.add_argument("--precision", default="auto")
    ask.add_argument("--core", type=int, default=0)
    given = ask.parse_args()
    if sys.platform == "linux":
        os.sched_setaffinity(0, {given.core})
    os.environ.update(with_weights())
    with open_source(SourceSettings(str(CLIP))) as source:
        pictures: list[Image] = [frame.image for frame in source]
    card = load_card(given.model)
    located = locate(card, given.precision, download=False)
    network = OpenVino(card, located, live=True)
    estimator = open_estimator(card, located, live=True)
    pose = posestream.Pose(given.model, precision=given.precision)
    wide, high = pictures[0].shape[1], pictures[0].shape[0]
    box = card.input.letterbox(card.input.sizing(None), (wide, high))
    inputs = [box.apply(picture) for picture in pictures]

    def alone(n: int) -> None:
        network.submit([inputs[n]])
        network.result()

    def estimated(n: int) -> None:
        estimator.submit([pictures[n]])
        estimator.decoder.decode(estimator.result()[0])

    calls: dict[str, Call] = {
        "the network alone": alone,
        "the estimator": estimated,
        "posestream.Pose": lambda n: pose(pictures[n]),
    }
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(WARM_UP + given.calls):
        for name, call in calls.items():
            began = time.process_time()
            call(turn % len(pictures))
            if turn >= WARM_UP:
                taken[name].append(1e3 * (time.process_time() - began))
    means = {name: float(np.mean(times)) for name, times in taken.items()}
    print(f"{card.name}, {located.precision}, {wide}x{high}, {given.calls} calls each")
    for name, ms in means.items():
        share = ms / means["posestream.Pose"]
        median = float(np.median(taken[name]))
        print(f"{name:20} {ms:7.2f} ms a call (median {median:.2f}), {share:.3f} of Pose's")


if __name__ == "__main__":
    main()
