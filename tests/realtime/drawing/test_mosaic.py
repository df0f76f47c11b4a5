"""All views in one picture, with the people in space."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.files.rig_toml import write_rig
from realtime.assembly import stream
from realtime.drawing.mosaic import Mosaic, grid
from realtime.drawing.reprojection import Reprojection
from realtime.drawing.skeletons import id_colour
from realtime.multiview.identity import share_ids
from realtime.multiview.stage import RigStage
from realtime.sinks.files.openpose_json_2d import openpose_json
from realtime.types.errors import SettingsError
from realtime.types.results import Result
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring
from tests.realtime.wanted import settings

RIG = ring(4, radius=5)
PEOPLE = [body((-0.5, 0.2)), body((0.8, -0.4), heading=1)]
NAMES = [camera.name for camera in RIG.cameras]


def seen() -> Result:
    views = sightings(RIG, PEOPLE)
    views, poses = share_ids(views, RigStage(RIG, BODY25).update(0.0, views))
    return Result(0, views, {}, poses3d=poses)


def test_everybody_is_drawn_where_each_camera_sees_them() -> None:
    result = seen()
    assert result.poses3d is not None
    (drawn,) = Mosaic(NAMES, bodies=Reprojection(RIG)).pictures(result)
    assert drawn.size == (1920, 1080)  # 2 x 2 of 1280 x 720
    picture = drawn.image
    start, end = BODY25.keypoints.index("mid_hip"), BODY25.keypoints.index("neck")
    for number, camera in enumerate(RIG.cameras):
        row, column = divmod(number, 2)
        hits = 0
        for identity, xyz in zip(result.poses3d.id, result.poses3d.xyz, strict=True):
            middle = (xyz[start] + xyz[end]).astype(float) / 2
            x, y = (camera.project(middle[None])[0] * 0.75).round().astype(int)
            spot = picture[row * 540 + y - 4 : row * 540 + y + 5, column * 960 + x - 4 :][:, :9]
            off = np.abs(spot.astype(int) - id_colour(int(identity))).max(-1).min()
            hits += int(off < 12)
        assert hits >= 1  # one may stand behind the other
    plain = Mosaic(NAMES).pictures(result)[0].image
    assert (plain != picture).any()


def test_views_are_told_apart_where_all_is_black() -> None:
    result = seen()
    gone = replace(result, views=(None, *result.views[1:3], None))
    picture = Mosaic(NAMES).pictures(gone)[0].image
    assert (picture[200:500, 958:962].max(0) > 90).any()
    assert (picture[538:542, 1200:].max(1) > 90).any()
    assert not picture[700:1000, 1000:].any()


def test_a_camera_that_is_out_leaves_its_cell_black() -> None:
    result = seen()
    gone = replace(result, views=(None, *result.views[1:]))
    mosaic = Mosaic(NAMES, bodies=Reprojection(RIG))
    whole, rest = (mosaic.pictures(one)[0].image for one in (result, gone))
    assert rest.shape == whole.shape
    assert (rest[540:] == whole[540:]).all()
    assert whole[100:450, :960].any()
    assert not rest[100:450, :960].any()
    nobody = replace(result, views=(None,) * 4)
    assert mosaic.pictures(nobody) == []


@pytest.mark.parametrize(
    ("count", "size", "columns", "cell"),
    [
        (4, (1920, 1080), 2, (960, 540)),
        (4, (1080, 1920), 4, (480, 853)),
        (5, (1032, 776), 3, (640, 481)),
        (2, (320, 240), 2, (320, 240)),  # never enlarged
        (16, (1920, 1080), 4, (480, 270)),
    ],
)
def test_the_grid_shows_pictures_as_large_as_it_can(
    count: int, size: tuple[int, int], columns: int, cell: tuple[int, int]
) -> None:
    assert grid(count, size) == (columns, cell)


def test_one_video_of_all_sources(tmp_path: Path) -> None:
    write_rig(RIG, tmp_path / "rig.toml")
    for view in sightings(RIG, PEOPLE):
        assert view is not None
        (tmp_path / view.frame.camera).mkdir()
        for n in range(3):
            file = tmp_path / view.frame.camera / f"{n}_keypoints.json"
            file.write_text(openpose_json(view.tracks))
    sources = [str(tmp_path / n) for n in NAMES]
    video, rig = tmp_path / "all.mp4", tmp_path / "rig.toml"
    for given in (rig, None):
        wanted = settings(*sources, camera_size="1280x720", rig=given, mosaic=True, output=video)
        assert len(list(stream(wanted))) == 3
        capture = cv2.VideoCapture(str(video))
        frames = 0
        while (read := capture.read())[0]:
            frames += 1
            assert read[1].shape == (1080, 1920, 3)
            assert all(read[1][r : r + 540, c : c + 960].any() for r in (0, 540) for c in (0, 960))
        assert frames == 3
    assert not list(tmp_path.glob("all_*"))
    with pytest.raises(SettingsError, match="--mosaic needs several sources"):
        settings("a.mp4", mosaic=True)
