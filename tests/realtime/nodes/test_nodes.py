"""Nodes that are processes of their own, and the computer that makes 3D people of their cameras."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.files.rig_toml import write_rig
from engines.types.arrays import Doubles, Floats
from realtime.assembly import stream
from realtime.multiview.stage import RigStage
from realtime.nodes.key import ENVIRONMENT
from realtime.types.results import Poses3D, Result, View
from tests.bodies import BODY25, sightings
from tests.realtime.nodes.node import KEY, RATE, RIG, node_process, walkers
from tests.realtime.nodes.slow_network import slow_network
from tests.realtime.wanted import settings

pytest.importorskip("zenoh", reason="needs eclipse-zenoh")
CAMERAS = [camera.name for camera in RIG.cameras]
WANTED = 60  # results of all cameras


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, KEY.decode())


def results(folder: Path, ports: tuple[int, int], **options: Any) -> Generator[Result, None, None]:
    """The first two cameras are those of the first port's node."""
    write_rig(RIG, folder / "rig.toml")
    sources = [f"stream://127.0.0.1:{ports[n // 2]}/{name}" for n, name in enumerate(CAMERAS)]
    return stream(settings(*sources, rig=folder / "rig.toml", give_up=60.0, **options))


def complete(result: Result) -> bool:
    return all(view is not None for view in result.views)


def right_parts(people: Floats, truth: Doubles) -> float:
    """PCP: the share of limbs both of whose ends are within half of its length of where they are.

    people, truth: (P, K, 3), the same people in the same order.
    """
    a, b = np.array(BODY25.drawn).T
    half = np.linalg.norm(truth[:, a] - truth[:, b], axis=-1) / 2
    away = np.linalg.norm(people - truth, axis=-1)
    return float(((away[:, a] <= half) & (away[:, b] <= half)).mean())


def by_itself(number: int, view: View) -> View:
    """What the camera saw at that moment, which did not go over the network."""
    moment = round(view.frame.captured * RATE) / RATE
    own = sightings(RIG, walkers(moment), ids=[(0, 1)] * len(RIG))[number]
    assert own is not None
    return replace(own, frame=replace(own.frame, time=view.frame.time))


def paired(people: Poses3D, truth: Sequence[Doubles] | Floats) -> list[int]:
    """The row of each of those who are there; there are no others."""
    miss = [[np.nanmean(np.linalg.norm(one - who, axis=1)) for one in people.xyz] for who in truth]
    rows = [int(np.argmin(one)) for one in miss]
    assert sorted(rows) == [*range(len(people))]
    return rows


def test_two_nodes_give_the_people_that_one_computer_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their clocks are 0.3 s and two minutes off; at each moment it is known where people are.

    One node is behind a network with a delay that loses packets. There and on a busy machine frames
    come late or never: the one computer then has the same ones.
    """
    monkeypatch.setattr("realtime.assembly.RIG_BUDGET_SECONDS", inf)
    ports = free_port(), free_port()
    stats = tmp_path / "stats.json"
    found: list[Result] = []
    with ExitStack() as stack:
        stack.enter_context(node_process(ports[0], CAMERAS[:2], 0.3))
        stack.enter_context(node_process(ports[1], CAMERAS[2:], -120.0))
        network = stack.enter_context(slow_network(ports[1], delay=0.02, loss=0.01))
        through = ports[0], network.port
        came = stack.enter_context(closing(results(tmp_path, through, stats=stats)))
        while sum(map(complete, found)) < WANTED:
            found.append(next(came))
        assert network.lost
    alone = RigStage(RIG, BODY25)
    same: dict[int, int] = {}
    right: list[list[float]] = []
    for result in found:
        ticks = [round(view.frame.captured * RATE) for view in result.views if view]
        there = [view and by_itself(n, view) for n, view in enumerate(result.views)]
        local, people = alone.update(result.time, there), result.poses3d
        assert people is not None
        rows = paired(people, local.xyz)
        assert np.allclose(people.xyz[rows], local.xyz, atol=0.005, equal_nan=True)
        for one, other in zip(local.id.tolist(), people.id[rows].tolist(), strict=True):
            assert same.setdefault(one, other) == other  # whoever was first is called 0
        truth = walkers(ticks[0] / RATE)
        if complete(result) and len({*ticks}) == 1 and len(people) == len(truth):
            pairs = [(one, paired(one, truth)) for one in (people, local)]
            right.append([right_parts(one.xyz[order], np.array(truth)) for one, order in pairs])
    assert len(right) > WANTED / 4
    theirs, ours = np.mean(right, axis=0)
    assert theirs == pytest.approx(ours, abs=0.01)
    assert ours > 0.9  # the first results, and limbs of 4 cm, count too
    assert len({*same.values()}) == len(same)
    for source in json.loads(stats.read_text())["sources"]:
        clock = source["clock"]
        ahead = 0.3 if source["name"] in CAMERAS[:2] else -120.0
        rounded = 1e-3 * abs(ahead)  # four digits are in the file
        assert abs(clock["offset"] - ahead) <= clock["error"] + rounded


def test_a_node_that_is_killed_is_left_out_and_let_in_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ports = free_port(), free_port()
    with ExitStack() as stack, caplog.at_level(logging.WARNING):
        stack.enter_context(node_process(ports[0], CAMERAS[:2]))
        process = stack.enter_context(node_process(ports[1], CAMERAS[2:]))
        came = stack.enter_context(closing(results(tmp_path, ports)))
        next(filter(complete, came))
        process.kill()
        without = next(one for one in came if one.views[2] is None and one.views[3] is None)
        assert without.views[0] is not None or without.views[1] is not None
        stack.enter_context(node_process(ports[1], CAMERAS[2:], 7.0))
        after = next(filter(complete, came))
        assert after.time > without.time
    assert "cam2 was lost: the node has ended" in caplog.text
    assert "cam2 is back after" in caplog.text


def test_a_node_of_another_version_does_not_stop_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ports = free_port(), free_port()
    with ExitStack() as stack, caplog.at_level(logging.WARNING):
        stack.enter_context(node_process(ports[0], CAMERAS[:2]))
        stack.enter_context(node_process(ports[1], CAMERAS[2:], 0.0, "99"))
        came = stack.enter_context(closing(results(tmp_path, ports)))
        while "cannot read its messages; install the same version on both" not in caplog.text:
            next(came)
        last = next(one for one in came if one.views[0] is not None)
        assert last.views[2] is None
        assert last.views[3] is None
