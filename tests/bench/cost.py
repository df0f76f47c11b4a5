"""What a picture takes, and what a second look at one person takes, in milliseconds.

    python -m tests.bench.cost [--rounds 40] [--core 0] [--write]

Each combination that tests.bench.accuracy scores, in turns, so that whatever else the machine does
falls on all of them alike. Processor time on one core, of which the tenth percentile of the turns
is said: other work hardly touches it. A picture of 1280x720, from its pixels to its people.
--write puts the figures into engines/measured.toml, which commands, README and docs quote.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from engines.estimator import Estimator, open_estimator
from engines.machine import processor_name
from engines.models.card import load_card
from engines.models.measured import Machine, measured
from engines.models.weights import locate
from engines.refining import second_look_opener
from engines.second_look.second_look import SecondLook
from engines.types.arrays import Image
from engines.types.poses import Poses
from tests.bench.accuracy import REFINE
from tests.bench.measured_file import updated
from tests.conftest import ROOT, with_weights

SIZE = (1280, 720)
WARM_UP = 3
PERCENTILE = 10
Work = Callable[[], object]


def picture() -> Image:
    """The photo in docs/, on black."""
    image = np.zeros((*SIZE[::-1], 3), np.uint8)
    photo = cv2.imread(str(ROOT / "docs" / "astronaut.jpg"))
    high, wide = min(SIZE[1], photo.shape[0]), min(SIZE[0], photo.shape[1])
    image[:high, :wide] = photo[:high, :wide]
    return image


def whole(estimator: Estimator, image: Image) -> Work:
    def work() -> None:
        estimator.submit([image])
        estimator.decoder.decode(estimator.result()[0])

    return work


def again(second: SecondLook, image: Image, people: Poses) -> Work:
    return lambda: second.refine([image], [people])


def person(first: str) -> Poses:
    skeleton = load_card(first).skeleton
    keypoints = len(skeleton.keypoints)
    xy = np.random.default_rng(1).uniform(80, 480, (1, keypoints, 2)).astype(np.float32)
    return Poses(skeleton, xy, np.ones((1, keypoints), np.float32), np.ones(1, np.float32))


def main() -> None:
    """Print a line for each, and write them if asked to."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.formatter_class = argparse.RawDescriptionHelpFormatter
    ask.add_argument("--rounds", type=int, default=40)
    ask.add_argument("--core", type=int, default=0)
    ask.add_argument("--write", action="store_true")
    given = ask.parse_args()
    if sys.platform == "linux":
        os.sched_setaffinity(0, {given.core})
    os.environ.update(with_weights())
    image = picture()
    work: dict[tuple[str, ...], Work] = {}
    for one in measured():
        key = one.model, one.precision, str(one.height)
        if key not in work:
            card = load_card(one.model)
            located = locate(card, one.precision, download=False)  # type: ignore[arg-type]
            opened = open_estimator(card, located, height=one.height or None, live=True)
            work[key] = whole(opened, image)
        if one.refine and (one.model, one.refine) not in work:
            opener = second_look_opener(REFINE[one.refine.removeprefix("movenet-")], card)
            assert opener is not None
            work[one.model, one.refine] = again(opener(), image, person(one.model))
    times: dict[tuple[str, ...], list[float]] = {key: [] for key in work}
    for turn in range(WARM_UP + given.rounds):
        for key, one_work in work.items():
            began = time.process_time()
            one_work()
            if turn >= WARM_UP:
                times[key].append(1e3 * (time.process_time() - began))
    taken = {key: float(np.percentile(each, PERCENTILE)) for key, each in times.items()}
    for key, ms in taken.items():
        print(f"{' '.join(key):45} {ms:7.2f} ms  (median {np.median(times[key]):.2f})")
    if given.write:
        updated(
            (
                replace(
                    one,
                    picture_ms=taken[one.model, one.precision, str(one.height)],
                    person_ms=taken[one.model, one.refine] if one.refine else 0.0,
                )
                for one in measured()
            ),
            machine=Machine(f"one core of {processor_name()}"),
        )


if __name__ == "__main__":
    main()
