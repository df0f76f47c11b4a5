"""Four cameras on two nodes, over a network with delay and loss: clocks, 3D, latency, a lost node.

    python -m tests.bench.nodes [--delay 0.02] [--loss 0.01] [--seconds 30] [--kills 5]

Nodes are processes of their own, whose clocks are 0.3 s and -0.2 s off; both are behind relays that
hold what passes for so long each way and, for lost packets, as long as TCP waits before it sends
them again (tests/realtime/nodes/slow_network.py). Printed are how wrong the clocks were found, PCP
and ids beside those of one computer that has the same frames at once, the age of 3D people beyond
the network's delay in frames of 30 fps, and how long a killed node takes to be part of 3D again
after it publishes.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import chain
from math import inf
from pathlib import Path

import numpy as np

import realtime.assembly
from calibration.files.rig_toml import write_rig
from realtime.assembly import stream
from realtime.multiview.stage import RigStage
from realtime.nodes.key import ENVIRONMENT
from realtime.types.results import Result
from tests.bodies import BODY25
from tests.realtime.nodes.node import KEY, RATE, RIG, node_process, walkers
from tests.realtime.nodes.slow_network import SlowNetwork, slow_network
from tests.realtime.nodes.test_nodes import (
    CAMERAS,
    by_itself,
    complete,
    free_port,
    paired,
    right_parts,
)
from tests.realtime.wanted import settings

AHEAD = (0.3, -0.2)  # seconds by which the nodes' clocks are


@contextmanager
def networks(ports: tuple[int, int], delay: float, loss: float) -> Iterator[list[SlowNetwork]]:
    with ExitStack() as stack:
        yield [stack.enter_context(slow_network(port, delay, loss)) for port in ports]


def sources(through: list[SlowNetwork]) -> list[str]:
    return [f"stream://127.0.0.1:{through[n // 2].port}/{name}" for n, name in enumerate(CAMERAS)]


def listening(port: int) -> None:
    """Wait until a node takes connections."""
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
            return
        time.sleep(0.01)


def same_people(found: list[Result]) -> tuple[float, float, float, bool]:
    """PCP over the network and at once, the most that keypoints are apart, and whether each person
    has one id on both sides.
    """
    alone, same, right, apart = RigStage(RIG, BODY25), dict[int, int](), [], 0.0
    kept = True
    for result in found:
        ticks = [round(view.frame.captured * RATE) for view in result.views if view]
        there = [view and by_itself(n, view) for n, view in enumerate(result.views)]
        local, people = alone.update(result.time, there), result.poses3d
        assert people is not None
        rows = paired(people, local.xyz)
        if len(rows):
            away = np.linalg.norm(people.xyz[rows] - local.xyz, axis=-1)
            apart = max(apart, float(np.nanmax(away)))
        for one, other in zip(local.id.tolist(), people.id[rows].tolist(), strict=True):
            kept &= same.setdefault(one, other) == other
        truth = walkers(ticks[0] / RATE)
        if complete(result) and len({*ticks}) == 1 and len(people) == len(truth):
            pairs = [(one, paired(one, truth)) for one in (people, local)]
            right.append([right_parts(one.xyz[order], np.array(truth)) for one, order in pairs])
    theirs, ours = np.mean(right, axis=0)
    return float(theirs), float(ours), apart, kept and len({*same.values()}) == len(same)


def main() -> None:
    """Print a line for each figure."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.formatter_class = argparse.RawDescriptionHelpFormatter
    ask.add_argument("--delay", type=float, default=0.02)
    ask.add_argument("--loss", type=float, default=0.01)
    ask.add_argument("--seconds", type=float, default=30)
    ask.add_argument("--kills", type=int, default=5)
    given = ask.parse_args()
    os.environ[ENVIRONMENT] = KEY.decode()
    ports = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        write_rig(RIG, folder / "rig.toml")
        through = stack.enter_context(networks(ports, given.delay, given.loss))
        nodes = [
            stack.enter_context(node_process(ports[n], CAMERAS[2 * n : 2 * n + 2], AHEAD[n]))
            for n in range(2)
        ]
        wanted = {"rig": folder / "rig.toml", "give_up": 60.0, "stats": folder / "stats.json"}
        listening(ports[0])
        listening(ports[1])
        found, ages = [], []
        with closing(stream(settings(*sources(through), **wanted))) as came:
            first = next(filter(complete, came))
            began, used = time.monotonic(), time.process_time()
            # On the node's clock a frame's moment is exact: walkers are where they are at it.
            until = time.monotonic() + given.seconds
            for result in chain([first], came):
                now = time.monotonic()
                if complete(result):
                    newest = max(view.frame.captured for view in result.views if view)
                    ages.append(now - round(newest * RATE) / RATE - given.delay)
                if now > until:
                    break
            print(f"{len(found) or len(ages)} results, now nodes are killed", flush=True)
            cores = (time.process_time() - used) / (time.monotonic() - began)
            print(f"this process, with the relays: {cores:.2f} cores")
            back = []
            for n in range(given.kills):
                nodes[1].kill()
                next(one for one in came if one.views[2] is None and one.views[3] is None)
                again = node_process(ports[1], CAMERAS[2:], AHEAD[1] + n)
                nodes[1] = stack.enter_context(again)
                listening(ports[1])
                began = time.monotonic()
                next(filter(complete, came))
                back.append(time.monotonic() - began)
                print(f"  back after {back[-1]:.2f} s", flush=True)
        clocks = json.loads((folder / "stats.json").read_text())["sources"]
        for one in clocks[:2]:
            off = 1e3 * (one["clock"]["offset"] - AHEAD[0])
            bound = 1e3 * one["clock"]["error"]
            print(f"clock of {one['name']}: {off:+.2f} ms wrong (bound {bound:.2f} ms)")
        quarter = np.percentile(ages, [50, 90, 99]) * RATE
        print(
            f"age of {len(ages)} results beyond the delay: {quarter[0]:.2f} frames (median), "
            f"{quarter[1]:.2f} (90 %), {quarter[2]:.2f} (99 %)"
        )
        print(f"packets lost: {sum(one.lost for one in through)}")
        if back:
            print(
                f"a killed node is back after {statistics.median(back):.2f} s (median), "
                f"{max(back):.2f} s at most"
            )
    # Again, without a bound on the time for 3D, so that both sides do the same.
    realtime.assembly.RIG_BUDGET_SECONDS = inf  # type: ignore[assignment]
    ports = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        write_rig(RIG, folder / "rig.toml")
        through = stack.enter_context(networks(ports, given.delay, given.loss))
        for n in range(2):
            stack.enter_context(node_process(ports[n], CAMERAS[2 * n : 2 * n + 2], AHEAD[n]))
        with closing(stream(settings(*sources(through), rig=folder / "rig.toml"))) as came:
            while sum(map(complete, found)) < given.seconds * RATE / 2:
                found.append(next(came))
    theirs, ours, apart, kept = same_people(found)
    print(
        f"3D of {len(found)} results: PCP {100 * theirs:.2f} over the network, {100 * ours:.2f} at "
        f"once; keypoints at most {1e3 * apart:.2f} mm apart; one id a person: {kept}"
    )


if __name__ == "__main__":
    main()
