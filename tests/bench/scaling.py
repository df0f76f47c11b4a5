"""What grows with the number of cameras, each by itself: the figures of docs/scaling.md.

    OPENBLAS_NUM_THREADS=1 python -m tests.bench.scaling

Processor time, in milliseconds a frame: decoding videos; writing a camera's keypoints as a signed
message and reading it again (five synthetic people); and 3D people of synthetic crowds before
growing numbers of cameras in a ring around them, on one core. The median of the frames, and the
tenth percentile, which other work on the machine hardly touches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np

from engines.types.skeleton import named_skeleton
from realtime.multiview.stage import RigStage
from realtime.nodes.key import Envelope
from realtime.nodes.wire import decode, encode
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring
from tests.conftest import DATA
from tests.realtime.nodes.test_wire import message

CLIPS = ("video/webcam-walk.mkv", "video/street.avi", "rig-single/cam01.mp4")
ROUNDS = 200
FRAMES, WARM_UP = 25, 5
RINGS = ((4, 5), (8, 5), (16, 5), (32, 5), (64, 5), (8, 10), (16, 10), (32, 10))


def told(what: str, times: Iterable[float]) -> None:
    low, middle = 1e3 * np.percentile([*times], [10, 50])
    print(f"{what}: {middle:.2f} ms ({low:.2f})", flush=True)


def timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def decoding(clip: str) -> None:
    times = []
    with open_source(SourceSettings(str(DATA / clip))) as source:
        frames = iter(source)
        size = next(frames).size
        began = time.process_time()
        for _ in frames:
            now = time.process_time()
            times.append(now - began)
            began = now
    told(f"decoding {clip}, {size[0]}x{size[1]}", times)


def messages(name: str) -> None:
    skeleton, envelope = named_skeleton(name), Envelope(b"k" * 32)
    sent = message(5, skeleton)
    sealed = envelope.seal("topic", encode(sent))
    told(
        f"a message of 5 people, {name}, written",
        (timed(lambda: envelope.seal("topic", encode(sent))) for _ in range(ROUNDS)),
    )
    told(
        f"a message of 5 people, {name}, read",
        (timed(lambda: decode(envelope.open("topic", sealed), skeleton)) for _ in range(ROUNDS)),
    )


def space(cameras: int, people: int) -> None:
    rig, rng = ring(cameras, radius=7), np.random.default_rng(0)
    stage, times = RigStage(rig, BODY25), []
    for n in range(FRAMES):
        sway = [0.2 * np.sin(n / 20 + k) for k in range(people)]
        places = [(1.4 * (k % 4) - 2.1 + sway[k], 1.4 * (k // 4) - 1.4) for k in range(people)]
        there = [body(at, heading=k, phase=n / 4 + k) for k, at in enumerate(places)]
        views = sightings(rig, there, n / 30, rng=rng, noise=2, missing=0.1)
        spent = timed(lambda at=n / 30, views=views: stage.update(at, views))  # type: ignore[misc]
        if n >= WARM_UP:
            times.append(spent)
    told(f"3D of {people} people before {cameras} cameras", times)


def main() -> None:
    """Print a line for each figure."""
    for clip in CLIPS:
        decoding(clip)
    for name in ("coco17", "body25", "body135"):
        messages(name)
    for cameras, people in RINGS:
        space(cameras, people)


if __name__ == "__main__":
    main()
