"""One id a person, in 3D and in every view, and how many are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.files.rig_toml import write_rig
from realtime.assembly import stream
from realtime.multiview.identity import share_ids
from realtime.sinks.files.openpose_json_2d import openpose_json
from realtime.types.results import Poses3D, View
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring
from tests.realtime.wanted import settings

RIG = ring(3, radius=5)
PEOPLE = [body((-0.6, 0.2)), body((0.8, -0.4), heading=1), body((0.1, 1.2), heading=2)]
KEYPOINTS = len(BODY25.keypoints)


def poses(ids: list[int], detections: list[list[int]]) -> Poses3D:
    shape = len(ids), KEYPOINTS
    return Poses3D(
        *(BODY25, np.array(ids, np.int64), np.zeros((*shape, 3), np.float32)),
        *(np.zeros(shape, np.float32), np.full(shape, 2), np.zeros(shape, bool)),
        np.array(detections, np.int64).reshape(len(ids), len(RIG)),
    )


def ids_of(views: tuple[View | None, ...]) -> list[list[int] | None]:
    return [view and view.tracks.id.tolist() for view in views]


def test_a_view_has_the_ids_of_3d_whatever_its_own_were() -> None:
    views = sightings(RIG, PEOPLE, ids=[[7, 8, 9], [1, 2, 3], [5, 6, 4]])
    found = poses([12, 10], [[0, 1, -1], [2, -1, 0]])
    named, same = share_ids(views, found)
    assert ids_of(named) == [[12, -1, 10], [-1, 12, -1], [10, -1, -1]]
    assert same.id.tolist() == [12, 10]
    named, _ = share_ids([None, *views[1:]], found)
    assert ids_of(named)[0] is None


@pytest.mark.parametrize(
    ("most", "ids", "in_views"),
    [
        (3, [12, 10, 11], [[12, -1, 10], [-1, 12, 11], [10, 11, -1]]),
        (2, [10, 11], [[-1, 10], [-1, 11], [10, 11]]),
        (1, [10], [[10], [-1], [10]]),  # in the second view somebody whom nobody else sees
    ],
)
def test_those_with_the_oldest_ids_of_3d_are_kept_everywhere(
    most: int, ids: list[int], in_views: list[list[int]]
) -> None:
    views = sightings(RIG, PEOPLE, ids=[[1, 2, 3]] * 3)
    found = poses([12, 10, 11], [[0, 1, -1], [2, -1, 0], [-1, 2, 1]])
    named, kept = share_ids(views, found, most)
    assert kept.id.tolist() == ids
    assert ids_of(named) == in_views
    for person, identity in enumerate(kept.id):
        for view, row in zip(named, kept.detections[person], strict=True):
            assert view is not None
            assert row == -1 or view.tracks.id[row] == identity
    # Everybody is still who they were.
    for view, before in zip(named, views, strict=True):
        assert view is not None
        assert before is not None
        for xy in view.tracks.poses.xy:
            assert any(np.array_equal(xy, one) for one in before.tracks.poses.xy)
    assert found.detections.tolist() == [[0, 1, -1], [2, -1, 0], [-1, 2, 1]]


def test_max_people_of_a_rig_keeps_the_same_person_in_every_view(tmp_path: Path) -> None:
    """Each camera's file names the people in an order of its own, so each by itself would keep
    another one.
    """
    write_rig(RIG, tmp_path / "rig.toml")
    for number, camera in enumerate(RIG.cameras):
        (tmp_path / camera.name).mkdir()
        order = [PEOPLE[(n + number) % 3] for n in range(3)]
        view = sightings(RIG, order)[number]
        assert view is not None
        for n in range(4):
            file = tmp_path / camera.name / f"{n:03d}_keypoints.json"
            file.write_text(openpose_json(view.tracks))
    sources = [str(tmp_path / camera.name) for camera in RIG.cameras]
    rig = tmp_path / "rig.toml"
    for result in stream(settings(*sources, rig=rig, max_people=1)):
        assert result.poses3d is not None
        assert result.poses3d.id.tolist() == [0]
        (xyz,) = result.poses3d.xyz
        for camera, view in zip(RIG.cameras, result.views, strict=True):
            assert view is not None
            assert view.tracks.id.tolist() == [0]
            apart = np.abs(camera.project(xyz.astype(float)) - view.tracks.poses.xy[0])
            assert np.nanmax(apart) < 3
