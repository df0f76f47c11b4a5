"""The same work on machines of a Ray cluster, one of which is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posestream.batch import cluster as module
from posestream.batch.cluster import Cluster, own_version
from posestream.batch.manifest import Manifest
from posestream.batch.queue import Task
from posestream.batch.recordings import recordings
from posestream.batch.work import Job, work
from realtime.settings.model import ModelSettings
from realtime.settings.tracking import TrackSettings
from tests.posestream.batch.walks import walk

ray = pytest.importorskip("ray", reason="the package ray is not installed")
VIDEOS = 8


@pytest.fixture(scope="module")
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


def test_a_machine_with_another_version_is_left_out(
    machines: Any, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated, _ = machines
    videos = tmp_path / "videos"
    for n in range(2):
        walk(videos / f"{n}.mkv", 60)
    ours = iter(["posestream 99"] * 2)  # what the first machine is compared with, and is told
    monkeypatch.setattr(module, "own_version", lambda: next(ours, own_version()))
    cluster = Cluster(simulated.address, gpus=False)
    try:
        outcomes = [*cluster.run(jobs(videos, tmp_path / "far", card), retries=0)]
    finally:
        cluster.close()
    assert [one.error for one in outcomes] == [None, None]
    (sentence,) = cluster.refused
    assert f"has {own_version()}, this machine posestream 99; install the same on both" in sentence


def test_machines_share_a_long_video(machines: Any, card: Path, tmp_path: Path) -> None:
    simulated, _ = machines
    videos = tmp_path / "videos"
    walk(videos / "long.mkv", 40, frames=40)
    cluster = Cluster(simulated.address, gpus=False)
    given: list[Task] = []
    give = cluster._give

    def noted(task: Task, node: str, worker: Any) -> None:
        given.append(task)
        give(task, node, worker)

    cluster._give = noted  # type: ignore[method-assign]
    try:
        (outcome,) = cluster.run(jobs(videos, tmp_path / "far", card), 2, part_seconds=0.5)
    finally:
        cluster.close()
    assert (outcome.error, outcome.frames) == (None, 40)
    assert [one.part is not None for one in given] == [True, True, False]
    (near,) = jobs(videos, tmp_path / "near", card)
    work(near)
    made = tmp_path / "far" / "long" / "poses.csv"
    assert made.read_bytes() == (near.folder / "poses.csv").read_bytes()


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
