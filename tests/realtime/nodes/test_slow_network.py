"""A network that is too slow costs old frames, never time."""

from __future__ import annotations

import logging
from contextlib import closing

import numpy as np
import pytest

from engines.types.poses import Poses
from realtime.sources.node_camera import AgreedSkeleton, NodeConnector
from realtime.types.frames import Frame
from realtime.types.results import Result, Tracks, View
from tests.bodies import BODY25
from tests.realtime.nodes.node import KEY
from tests.realtime.nodes.slow_network import slow_network
from tests.realtime.nodes.test_nodes import free_port
from tests.realtime.nodes.test_refusals import node
from tests.waiting import wait_for

pytest.importorskip("zenoh", reason="needs eclipse-zenoh")
HELD = 400  # frames of 20 people: 1.2 MB, more than all buffers on the way hold


def crowd(index: int) -> Result:
    """Twenty people, the first of whose ids is the frame's number."""
    shape = 20, len(BODY25.keypoints)
    ids = np.arange(20) + index
    poses = Poses(
        BODY25,
        np.full((*shape, 2), 100, np.float32),
        np.ones(shape, np.float32),
        np.ones(20, np.float32),
    )
    tracks = Tracks(ids, poses, np.zeros(shape, bool))
    image = np.zeros((480, 640, 3), np.uint8)
    return Result(0, (View(Frame("cam0", index, "", 0, 0, image, poses), tracks),), {})


def test_a_network_that_stands_still_drops_the_oldest(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    with caplog.at_level(logging.WARNING), slow_network(port) as network:
        where = f"127.0.0.1:{network.port}"
        with (
            node(port) as sink,
            closing(NodeConnector(where, "cam0", KEY, AgreedSkeleton())()) as one,
        ):
            sink.write(crowd(0))
            assert one.read(True)[1] is not None
            network.flows.clear()
            for n in range(1, HELD):
                sink.write(crowd(n))  # would wait for ever if it waited
            assert sink._waiting.dropped > HELD / 4
            network.flows.set()

            def newest() -> bool:
                people = one.read(True)[1]
                assert people is not None
                return int(people.message.tracks.id[0]) == HELD - 1

            wait_for(newest)
    assert "--publish: the network was too slow for" in caplog.text
