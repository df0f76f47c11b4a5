"""The same work on machines of a Ray cluster, one of which is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posestream.batch.cluster import Cluster
from posestream.batch.manifest import Manifest
from posestream.batch.recordings import recordings
from posestream.batch.work import Job, work
from realtime.settings.model import ModelSettings
from realtime.settings.tracking import TrackSettings
from tests.posestream.batch.walks import walk

ray = pytest.importorskip("ray", reason="the package ray is not installed")
VIDEOS = 8


@pytest.fixture
def machines() -> Iterator[Any]:
    """Two machines that do work, beside one that leads them."""
    from ray.cluster_utils import Cluster as Simulated

    simulated = Simulated(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [simulated.add_node(num_cpus=1) for _ in range(2)]
    simulated.wait_for_nodes()
    yield simulated, nodes
    ray.shutdown()
    simulated.shutdown()


def jobs(videos: Path, output: Path, card: Path) -> list[Job]:
    models, tracks = ModelSettings(model=str(card)), TrackSettings()
    return [
        Job(one, output / one.name, ("csv",), models, tracks, Manifest((), {}, {}))
        for one in recordings([f"{videos}/*"])
    ]


def test_machines_share_the_work_and_one_that_is_lost_loses_nothing(
    machines: Any, card: Path, tmp_path: Path
) -> None:
    simulated, nodes = machines
    videos = tmp_path / "videos"
    for n in range(VIDEOS):
        walk(videos / f"{n}.mkv", 60 + 5 * n)
    (videos / "poison.mp4").write_bytes(b"no video")
    cluster = Cluster(simulated.address, gpus=False)
    outcomes = []
    try:
        for outcome in cluster.run(jobs(videos, tmp_path / "far", card), retries=2):
            outcomes.append(outcome)
            if len(outcomes) == 2:
                simulated.remove_node(nodes[0])
    finally:
        cluster.close()
    assert not cluster.refused
    errors = {one.name: one.error for one in outcomes}
    assert sorted(errors) == [*map(str, range(VIDEOS)), "poison"]
    assert "poison.mp4 cannot be read" in str(errors.pop("poison"))
    assert set(errors.values()) == {None}
    for one in jobs(videos, tmp_path / "near", card):
        if one.recording.name != "poison":
            work(one)
            made = tmp_path / "far" / one.recording.name / "poses.csv"
            assert made.read_bytes() == (one.folder / "poses.csv").read_bytes()
