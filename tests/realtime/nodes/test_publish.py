"""A run with --publish and a run of its cameras, through the whole program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from realtime.assembly import stream
from realtime.nodes.key import ENVIRONMENT
from realtime.settings.all import Settings
from realtime.sinks.files.openpose_json_2d import openpose_json
from tests.bodies import body, sightings
from tests.realtime.nodes.node import KEY, RIG
from tests.realtime.nodes.test_nodes import free_port
from tests.realtime.wanted import settings

pytest.importorskip("zenoh", reason="needs eclipse-zenoh")


@contextmanager
def running(wanted: Settings) -> Iterator[None]:
    """A run on a thread of its own, while the block lasts."""
    enough = Event()

    def run() -> None:
        with closing(stream(wanted)) as results:
            for _ in results:
                if enough.is_set():
                    return

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def test_what_a_node_publishes_is_what_the_other_run_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cameras of one node, the names of which the other computer gives in turn."""
    monkeypatch.setenv(ENVIRONMENT, KEY.decode())
    views = sightings(RIG, [body((-0.5, 0.2)), body((0.8, -0.4), heading=1)])
    folders = [tmp_path / f"camera {n}" for n in range(2)]
    for folder, view in zip(folders, views, strict=False):
        assert view is not None
        folder.mkdir()
        for n in range(30):
            (folder / f"{n:03d}_keypoints.json").write_text(openpose_json(view.tracks))
    port = free_port()
    options = {"realtime": True, "loop": True, "camera_size": "1280x720", "publish": str(port)}
    names = [f"stream://127.0.0.1:{port}/camera%20{n}" for n in (1, 0)]
    with (
        running(settings(*map(str, folders), node=f"node{port}", **options)),
        closing(stream(settings(*names))) as results,
    ):
        last = next(one for one in results if all(view and len(view.tracks) for view in one.views))
    for seen, sent in zip(last.views, views[1::-1], strict=True):
        assert seen is not None
        assert sent is not None
        assert seen.frame.size == (1280, 720)
        assert len({*seen.tracks.id.tolist()} - {-1}) == 2
        for xy in sent.tracks.poses.xy:
            off = np.abs(seen.tracks.poses.xy - xy).max(axis=(1, 2))
            assert off.min() < 0.1  # of a node's rounding, 0.06, and of OpenPose's files
    assert [view and view.frame.camera for view in last.views] == ["camera 1", "camera 0"]
