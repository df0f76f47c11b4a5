"""All views in one picture, with the 3D people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration.files.rig_toml import write_rig
from realtime.assembly import stream
from realtime.drawing.mosaic import Mosaic, grid
from realtime.drawing.numbers import Numbers
from realtime.drawing.overlay import Overlay
from realtime.drawing.reprojection import Reprojection
from realtime.drawing.skeletons import id_colour
from realtime.multiview.identity import share_ids
from realtime.multiview.stage import RigStage
from realtime.sinks.files.openpose_json_2d import openpose_json
from realtime.types.errors import SettingsError
from realtime.types.results import Result
from realtime.types.view_mode import Shown, Style
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


def unseen(one: Result) -> Result:
    """The same pictures with nobody in them."""
    none = np.zeros(0, int)
    views = [view and replace(view, tracks=view.tracks.some(none)) for view in one.views]
    return replace(one, views=tuple(views), poses3d=None)


def off(picture: np.ndarray, at: np.ndarray, colour: tuple[int, ...], reach: int) -> int:
    """How far the nearest pixel around (x, y) is from a colour, in its worst channel."""
    x, y = at.round().astype(int)
    spot = picture[y - reach : y + reach + 1, x - reach : x + reach + 1]
    return int(np.abs(spot.astype(int) - colour).max(-1).min())


def test_everybody_has_one_skeleton_where_each_camera_sees_them() -> None:
    """By default in the colours of limbs, with an outline of the person's colour around it that
    leaves the skeleton as it is; or one that the 3D people alone make; or none of theirs.
    """
    result = seen()
    poses = result.poses3d
    assert poses is not None
    start, end = BODY25.keypoints.index("mid_hip"), BODY25.keypoints.index("neck")
    drawn = {}
    for how in ("outline", "only", "off"):
        shown = Shown(style=Style(opacity=1.0, people3d=how))
        (picture,) = Mosaic(NAMES, shown, bodies=Reprojection(RIG)).pictures(result)
        assert picture.size == (1920, 1080)  # 2 x 2 of 1280 x 720
        drawn[how] = picture.image
    np.testing.assert_array_equal(
        drawn["off"], Mosaic(NAMES, Shown(style=Style(1.0))).pictures(result)[0].image
    )
    around = dict.fromkeys(drawn, 0)
    for number, camera in enumerate(RIG.cameras):
        row, column = divmod(number, 2)
        corner = np.array([column * 960, row * 540])
        for identity, xyz in zip(poses.id, poses.xyz, strict=True):
            ends = camera.project(xyz[[start, end]].astype(float)) * 0.75 + corner
            length = float(np.linalg.norm(ends[1] - ends[0]))
            for how, picture in drawn.items():
                near = off(picture, ends.mean(0), id_colour(int(identity)), round(length / 8))
                assert near > 12  # nothing but limbs within
                wide = off(picture, ends.mean(0), id_colour(int(identity)), round(length / 1.5))
                around[how] += wide < 12
    assert around["off"] == around["only"] == 0
    assert around["outline"] == 2 * len(RIG)
    # Exact sightings: both ways give the same skeleton, but for what rounds, and who is in front.
    blank = Mosaic(NAMES, Shown(style=Style(1.0))).pictures(unseen(result))[0].image
    only, usual = ((drawn[how] != blank).any(-1) for how in ("only", "off"))
    assert (only & usual).sum() > 0.9 * (only | usual).sum()


def test_the_only_skeletons_are_the_3d_peoples_and_of_who_is_none() -> None:
    """A sighting that is wrong is not drawn; somebody whom one camera alone sees stays."""
    result = seen()
    view = result.views[0]
    assert view is not None
    moved = replace(view.tracks.poses, xy=view.tracks.poses.xy + np.float32(200))
    wrong = replace(view, tracks=replace(view.tracks, poses=moved))
    views = (wrong, *result.views[1:])
    shown = Shown(style=Style(people3d="only"))
    right, corrected = (
        Overlay(shown, bodies=Reprojection(RIG)).pictures(replace(result, views=some))[0].image
        for some in (result.views, views)
    )
    np.testing.assert_array_equal(right, corrected)
    stranger = replace(wrong, tracks=replace(wrong.tracks, id=np.array([70, 71])))
    with_stranger = replace(result, views=(stranger, *result.views[1:]))
    third = Overlay(shown, bodies=Reprojection(RIG)).pictures(with_stranger)[0].image
    assert (third != right).any(axis=-1).sum() > 1000


def test_numbers_are_written_only_where_there_is_room() -> None:
    """Near by: one beside each joint, none over another. Far away: none."""
    poses = replace(seen(), poses3d=None)
    written = {}
    for size in ((1280, 720), (160, 90)):
        with_angles, plain = (
            Overlay(angles=angles, size=size).pictures(poses)[0].image for angles in (True, False)
        )
        written[size] = (with_angles != plain).any(axis=-1).sum()
    assert written[1280, 720] > 200
    assert written[160, 90] == 0
    numbers = Numbers(np.zeros((400, 400, 3), np.uint8))
    assert numbers.write("170", 100, 100)
    assert not numbers.write("99", 110, 104)  # over it
    assert numbers.write("99", 110, 140)
    assert not numbers.write("99", 395, 100)  # out of the picture


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


def recorded(folder: Path) -> list[str]:
    """What each camera saw in three frames, as the folders that are the sources."""
    write_rig(RIG, folder / "rig.toml")
    for view in sightings(RIG, PEOPLE):
        assert view is not None
        (folder / view.frame.camera).mkdir()
        for n in range(3):
            file = folder / view.frame.camera / f"{n}_keypoints.json"
            file.write_text(openpose_json(view.tracks))
    return [str(folder / name) for name in NAMES]


def test_a_video_of_each_source_has_people_where_its_camera_sees_them(tmp_path: Path) -> None:
    sources, rig, video = recorded(tmp_path), tmp_path / "rig.toml", tmp_path / "one.mp4"
    shown = {"rig": rig, "draw3d": "only", "output": video}
    assert len(list(stream(settings(*sources, camera_size="1280x720", **shown)))) == 3
    for camera in RIG.cameras:
        ok, picture = cv2.VideoCapture(str(tmp_path / f"one_{camera.name}.mp4")).read()
        assert ok
        lit = cv2.dilate((picture.max(-1) > 100).astype(np.uint8), np.ones((9, 9), np.uint8))
        at = np.concatenate([camera.project(xyz) for xyz in PEOPLE])
        x, y = at[np.isfinite(at).all(-1)].round().astype(int).T
        inside = (x >= 0) & (x < 1280) & (y >= 0) & (y < 720)
        assert inside.sum() > 20
        assert lit[y[inside], x[inside]].mean() > 0.95


def test_one_video_of_all_sources(tmp_path: Path) -> None:
    sources = recorded(tmp_path)
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
    with pytest.raises(SettingsError, match="--draw3d needs calibrated cameras"):
        settings("a.mp4", draw3d="only")
