"""--undistort: lines become straight, and 3D people stay where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from calibration.files.rig_toml import write_rig
from calibration.formats import write
from calibration.geometry.camera import Camera, Rig
from realtime.assembly import stream
from realtime.settings.sources import SourceSettings
from realtime.sinks.files.openpose_json_2d import openpose_json
from realtime.sources.lens.undistorted import Lens, ideal
from realtime.sources.rig_sources import open_fitting
from realtime.types.errors import SettingsError, SourceError
from tests.bodies import body, sightings
from tests.calibration.cameras import FISHEYE, LENSES, camera, ring
from tests.realtime.wanted import settings

RIG = ring(4, radius=5, lens=5)
PEOPLE = [body((-0.5, 0.2)), body((0.8, -0.4), heading=1)]
SHIFT = 4  # bits of a pixel's fractions that cv2 draws with
LENS_KINDS = [(LENSES[4], False), (LENSES[8], False), (LENSES[14], False), (FISHEYE, True)]


def line_seen_by(one: Camera, y: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture of a straight line before the camera, 3 m away and `y` m below the middle, and the
    line in pixels of the same camera without distortion.
    """
    x = np.linspace(-1.6, 1.6, 400)
    places = np.stack([x, np.full_like(x, y), np.full_like(x, 3.0)], 1)
    world = (places - one.translation) @ one.rotation
    points = np.rint(one.project(world) * (1 << SHIFT)).astype(np.int32)
    picture = np.zeros((one.size[1], one.size[0], 3), np.uint8)
    cv2.polylines(picture, [points[:, None]], False, (255, 255, 255), 3, cv2.LINE_AA, SHIFT)
    return picture, ideal(one).project(world)


def rows_of(picture: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Centre of the light in each of these columns, px."""
    light = picture[:, columns, 0].astype(float)
    return (light * np.arange(len(light))[:, None]).sum(0) / light.sum(0)


@pytest.mark.parametrize(("distortion", "fisheye"), LENS_KINDS)
@pytest.mark.parametrize("y", [-0.8, 0.7])
def test_lines_are_straight_and_where_they_belong(
    distortion: list[float], fisheye: bool, y: float
) -> None:
    one = camera("cam", distortion, fisheye=fisheye)
    picture, line = line_seen_by(one, y)
    columns = np.arange(250, 1030, 20)
    bent = rows_of(picture, columns)
    assert np.ptp(bent - np.polyval(np.polyfit(columns, bent, 1), columns)) > 2
    rows = rows_of(Lens(one).picture(picture), columns)
    straight = np.polyval(np.polyfit(columns, rows, 1), columns)
    assert np.abs(rows - straight).max() < 0.3
    expected = np.interp(columns, line[:, 0], line[:, 1])
    assert np.abs(rows - expected).max() < 0.3


def test_pictures_of_another_size_are_straightened_too() -> None:
    one = camera()
    lens = Lens(one)
    picture, _ = line_seen_by(one, 0.7)
    for scale in (1.0, 0.5, 1.0):
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        columns = (np.arange(250, 1030, 40) * scale).astype(int)
        rows = rows_of(lens.picture(small), columns)
        straight = np.polyval(np.polyfit(columns, rows, 1), columns)
        assert np.abs(rows - straight).max() < 0.3


def recorded(folder: Path) -> list[str]:
    """Three instants of keypoints, as distorted as the cameras have them."""
    write_rig(RIG, folder / "rig.toml")
    for n in range(3):
        for view in sightings(RIG, PEOPLE):
            assert view is not None
            (folder / view.frame.camera).mkdir(exist_ok=True)
            file = folder / view.frame.camera / f"{n:03d}_keypoints.json"
            file.write_text(openpose_json(view.tracks))
    return [str(folder / one.name) for one in RIG.cameras]


def test_people_in_3d_are_the_same_within_a_millimetre(tmp_path: Path) -> None:
    sources, rig = recorded(tmp_path), tmp_path / "rig.toml"
    found: list[Any] = []
    for option in ({}, {"undistort": rig}):
        wanted = settings(*sources, camera_size="1280x720", rig=rig, **option)
        found.append(list(stream(wanted))[-1])
    plain, straight = found
    assert plain.poses3d.id.tolist() == straight.poses3d.id.tolist()
    assert len(plain.poses3d) == len(PEOPLE)
    off = np.linalg.norm(plain.poses3d.xyz - straight.poses3d.xyz, axis=2)
    assert np.nanmax(off) < 1e-3
    # The keypoints themselves did move.
    moved = [
        np.nanmax(np.abs(one.tracks.poses.xy - other.tracks.poses.xy))
        for one, other in zip(plain.views, straight.views, strict=True)
    ]
    assert min(moved) > 2


def test_one_camera_needs_no_rig(tmp_path: Path) -> None:
    """OpenPose's file of a camera, which does not say how large its pictures are."""
    one = camera("film", LENSES[8])
    write(Rig((one,)), tmp_path / "film.xml")
    picture, _ = line_seen_by(one, 0.7)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    wanted = SourceSettings(
        (str(tmp_path / "a.png"),), undistort=tmp_path / "film.xml", camera_size="1280x720"
    )
    (source,), rig = open_fitting(wanted)
    assert rig is None
    with source:
        (frame,) = source
    np.testing.assert_array_equal(frame.image, Lens(one).picture(picture))


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    sources, rig = recorded(tmp_path), tmp_path / "rig.toml"
    other = tmp_path / "other.toml"
    other.write_text(rig.read_text())
    for given, said in (
        ({"undistort": other, "rig": rig}, f"With --rig the lenses are .* --undistort {rig}"),
        ({"undistort": tmp_path / "none.toml"}, "--undistort: .*none.toml"),
        ({"undistort": tmp_path / "a.pdf"}, "--undistort: .*a.pdf"),
    ):
        with pytest.raises(SettingsError, match=said):
            next(stream(settings(*sources, camera_size="1280x720", **given)))
    cv2.imwrite(str(tmp_path / "square.png"), np.zeros((500, 500, 3), np.uint8))
    wanted = settings(str(tmp_path / "square.png"), undistort=rig)
    with pytest.raises(SettingsError, match=r"has the cameras cam0, .* but the sources are square"):
        next(stream(wanted))
    write_rig(Rig((camera("square"),)), tmp_path / "one.toml")
    (source,), _ = open_fitting(
        SourceSettings((str(tmp_path / "square.png"),), undistort=tmp_path / "one.toml")
    )
    with source, pytest.raises(SourceError, match=r"square does not fit --undistort: .*aspect"):
        next(iter(source))
