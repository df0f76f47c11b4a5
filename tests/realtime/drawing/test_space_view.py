"""3D people seen from beside: where they are drawn, and what turns."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.files.rig_toml import write_rig
from calibration.geometry.camera import Rig
from realtime.assembly import run
from realtime.drawing.skeletons import id_colour
from realtime.drawing.space_view import SpaceView, common_point
from realtime.multiview.identity import share_ids
from realtime.multiview.stage import RigStage
from realtime.sinks.files.openpose_json_2d import openpose_json
from realtime.types.results import Result
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import camera, ring
from tests.realtime.wanted import settings

RIG = ring(4, radius=5)
PEOPLE = [body((-0.5, 0.2)), body((0.8, -0.4), heading=1)]


def seen(time: float = 0.0) -> Result:
    views = sightings(RIG, PEOPLE)
    views, poses = share_ids(views, RigStage(RIG, BODY25).update(0.0, views))
    return Result(time, views, {}, poses3d=poses)


def test_everybody_is_drawn_where_the_eye_sees_them() -> None:
    result, view = seen(), SpaceView(RIG)
    assert result.poses3d is not None
    (picture,) = view.pictures(result)
    assert picture.size == (1280, 720)
    eye = view.eye(0)
    ends = [BODY25.keypoints.index(name) for name in ("mid_hip", "neck")]
    for identity, xyz in zip(result.poses3d.id, result.poses3d.xyz, strict=True):
        x, y = eye.project(xyz[ends].astype(float).mean(0)[None])[0].round().astype(int)
        spot = picture.image[y - 3 : y + 4, x - 3 : x + 4].astype(int)
        assert np.abs(spot - id_colour(int(identity))).max(-1).min() < 12
        head, feet = eye.project(xyz[[0, 19]].astype(float))
        assert head[1] < feet[1]  # upright


def test_the_eye_goes_round_what_the_cameras_look_at() -> None:
    np.testing.assert_allclose(common_point(RIG), (0, 0, 1), atol=1e-6)
    view = SpaceView(RIG, turn=90)
    places = np.array([view.eye(n).centre for n in range(5)]) - (0, 0, 1)
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), np.linalg.norm(places[0]))
    np.testing.assert_allclose(places[4], places[0], atol=1e-9)
    angles = np.degrees(np.unwrap(np.arctan2(places[:, 1], places[:, 0])))
    np.testing.assert_allclose(np.diff(angles), 90)
    # It begins on the side of the first camera.
    assert places[0, :2] @ RIG.centres[0, :2] > 0.99 * np.linalg.norm(places[0, :2]) * 5
    still = SpaceView(RIG)
    (first,), (later,) = (still.pictures(seen(time)) for time in (0.0, 3.0))
    np.testing.assert_array_equal(first.image, later.image)
    (first,), (later,) = (view.pictures(seen(time)) for time in (0.0, 1.0))
    assert (first.image != later.image).any()


def test_cameras_side_by_side_look_at_what_is_before_them() -> None:
    pair = Rig(tuple(camera(f"cam{n}", translation=(0.2 * n, 0, 0)) for n in range(2)))
    ahead = pair.cameras[0].rotation[2]
    np.testing.assert_allclose(common_point(pair) - pair.centres.mean(0), 3 * ahead)
    (picture,) = SpaceView(pair).pictures(
        Result(
            0, tuple(sightings(pair, [])), {}, poses3d=RigStage(pair, BODY25).update(0, [None] * 2)
        )
    )
    assert (picture.image > 100).any()  # the cameras themselves


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_run_writes_the_video(tmp_path: Path, ending: str) -> None:
    write_rig(RIG, tmp_path / "rig.toml")
    for view in sightings(RIG, PEOPLE):
        assert view is not None
        (tmp_path / view.frame.camera).mkdir()
        for n in range(4):
            file = tmp_path / view.frame.camera / f"{n}_keypoints.json"
            file.write_text(openpose_json(view.tracks))
    film = tmp_path / f"space{ending}"
    run(
        settings(
            *(str(tmp_path / one.name) for one in RIG.cameras),
            camera_size="1280x720",
            rig=tmp_path / "rig.toml",
            output3d=film,
            turn3d=45.0,
        )
    )
    capture = cv2.VideoCapture(str(film))
    pictures = []
    while (read := capture.read())[0]:
        pictures.append(read[1])
    assert [picture.shape for picture in pictures] == [(720, 1280, 3)] * 4
    assert (pictures[0] != pictures[3]).any()
