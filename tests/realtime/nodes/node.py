"""A node of synthetic cameras as a process of its own: people who walk, seen by the cameras of RIG.

`python -m tests.realtime.nodes.node NAME PORT cam0,cam1 OFFSET [PROTOCOL]`: OFFSET are the seconds
by which this node's clock is ahead. What is seen at a moment is the same in all such processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

import numpy as np

from calibration.geometry.camera import Rig
from engines.types.arrays import Doubles
from realtime.nodes import key
from realtime.nodes.publisher import PublishSink
from realtime.types.results import Result, View
from realtime.web.address import Address
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring
from tests.conftest import ROOT

RATE = 30
RIG = ring(4, radius=5)
KEY = b"a key for tests alone"


def walkers(moment: float) -> list[Doubles]:
    """Two people who walk in circles around different places, at a moment of the system's clock."""
    step = 2 * np.pi * (moment % 600)
    return [
        body((-0.8 + 0.3 * np.cos(step / 4), 0.3 * np.sin(step / 4)), heading=0.5, phase=step),
        body((0.9, -0.4 + 0.3 * np.sin(step / 5)), heading=2, phase=step + 1),
    ]


def seen(cameras: Sequence[str], moment: float, number: int, ahead: float) -> Result:
    """What these cameras see, with the identities of a tracker, on a clock that is `ahead`."""
    rig = Rig(tuple(camera for camera in RIG.cameras if camera.name in cameras))
    views = []
    for view in sightings(rig, walkers(moment), ids=[(0, 1)] * len(rig)):
        assert view is not None
        times = {"index": number, "time": moment + ahead, "captured": moment + ahead}
        views.append(View(replace(view.frame, **times), view.tracks))
    return Result(moment, tuple(views), {})


@contextmanager
def node_process(
    port: int, cameras: Sequence[str], ahead: float = 0.0, *more: str
) -> Iterator[subprocess.Popen[str]]:
    """Such a node, while the block lasts; it is killed at the end, as by a power cut.

    Its name is one that no test beside this one has.
    """
    words = [f"node{port}", str(port), ",".join(cameras), str(ahead), *more]
    environment: Mapping[str, str] = {**os.environ, key.ENVIRONMENT: KEY.decode()}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.realtime.nodes.node", *words],
        cwd=ROOT,
        env=environment,
        text=True,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def main(name: str, port: str, cameras: str, ahead: str, protocol: str = "") -> None:
    if protocol:
        key.PROTOCOL = int(protocol)
    names, shift = cameras.split(","), float(ahead)
    address = Address("127.0.0.1", int(port))
    secret = key.read_key(None)
    rates = dict.fromkeys(names, float(RATE))

    def clock() -> float:
        return time.monotonic() + shift

    with PublishSink(address, name, secret, rates, BODY25, clock=clock, announce=True) as sink:
        first = int(time.monotonic() * RATE) + 1
        for number in count():
            moment = (first + number) / RATE
            time.sleep(max(0.0, moment - time.monotonic()))
            sink.write(seen(names, moment, number, shift))


if __name__ == "__main__":
    main(*sys.argv[1:])
