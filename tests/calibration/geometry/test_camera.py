"""Cameras against OpenCV, finite differences and geometry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from calibration.geometry.camera import Camera, Rig, rotation_vector
from calibration.geometry.errors import RigError
from tests.calibration.cameras import FISHEYE, LENSES, camera, cloud, ring

RNG = np.random.default_rng(3)
POINTS = cloud(200, RNG)
MODELS = [camera(f"lens{count}", lens) for count, lens in LENSES.items()]
MODELS.append(camera("fisheye", FISHEYE, fisheye=True))


def by_opencv(one: Camera) -> np.ndarray:
    pose = rotation_vector(one.rotation), one.translation
    if one.fisheye:
        found = cv2.fisheye.projectPoints(POINTS[:, None], *pose, one.matrix, one.distortion)[0]
    else:
        found = cv2.projectPoints(POINTS, *pose, one.matrix, one.distortion)[0]
    return np.asarray(found[:, 0])


@pytest.mark.parametrize("one", MODELS, ids=lambda one: one.name)
def test_points_land_where_opencv_puts_them(one: Camera) -> None:
    np.testing.assert_allclose(one.project(POINTS), by_opencv(one), rtol=0, atol=1e-9)


@pytest.mark.parametrize("one", MODELS, ids=lambda one: one.name)
def test_the_derivative_is_the_finite_difference(one: Camera) -> None:
    _, slope = Rig((one,)).linearise(POINTS)
    step = 1e-6
    for axis in range(3):
        move = step * np.eye(3)[axis]
        difference = (one.project(POINTS + move) - one.project(POINTS - move)) / (2 * step)
        np.testing.assert_allclose(slope[0, :, :, axis], difference, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("one", MODELS, ids=lambda one: one.name)
def test_undistorting_takes_back_what_the_lens_did(one: Camera) -> None:
    xy = np.stack(np.meshgrid(np.linspace(0, 1279, 33), np.linspace(0, 719, 19)), -1)
    flat = one.normalise(xy)
    assert np.isfinite(flat).all()
    ahead = np.concatenate([flat, np.ones((*flat.shape[:2], 1))], -1) * 2.5
    world = (ahead - one.translation) @ one.rotation
    np.testing.assert_allclose(one.project(world), xy, rtol=0, atol=1e-7)


@pytest.mark.parametrize("one", MODELS, ids=lambda one: one.name)
def test_rays_go_through_what_is_seen(one: Camera) -> None:
    rays = one.rays(one.project(POINTS))
    np.testing.assert_allclose(np.linalg.norm(rays, axis=-1), 1)
    away = POINTS - one.centre
    np.testing.assert_allclose(np.cross(rays, away), 0, atol=1e-9)
    assert ((rays * away).sum(-1) > 0).all()


def test_the_centre_of_a_fisheye_is_no_hole() -> None:
    one = replace(camera(distortion=FISHEYE, fisheye=True), rotation=np.eye(3))
    ahead = np.array([[0.0, 0.0, 2.0], [1e-12, 0, 2.0]]) - one.translation
    pixels, slope = Rig((one,)).linearise(ahead)
    np.testing.assert_allclose(pixels[0], [one.matrix[:2, 2]] * 2, atol=1e-6)
    assert np.isfinite(slope).all()


def test_a_wide_fisheye_is_undone_to_its_edge() -> None:
    one = replace(camera(distortion=FISHEYE, fisheye=True), rotation=np.eye(3))
    angle = np.radians(np.linspace(0, 80, 40))
    points = np.stack([np.sin(angle), np.zeros(40), np.cos(angle)], -1) * 3 - one.translation
    flat = one.normalise(one.project(points))
    np.testing.assert_allclose(np.arctan(flat[:, 0]), angle, atol=1e-9)


def test_behind_the_camera_is_nowhere() -> None:
    one = camera()
    behind = one.centre - one.rotation[2]
    assert np.isnan(one.project(behind)).all()
    assert np.isnan(one.project(one.centre)).all()
    assert np.isfinite(one.project(one.centre + one.rotation[2])).all()


def test_beyond_the_fold_of_a_lens_is_nowhere() -> None:
    one = camera(distortion=[-0.3, 0, 0, 0])  # r (1 - 0.3 r^2) never passes 0.703
    assert np.isfinite(one.normalise(np.array([641.5 + 0.7 * 910, 352.25]))).all()
    assert np.isnan(one.normalise(np.array([641.5 + 0.71 * 910, 352.25]))).all()


def test_a_rig_is_its_cameras() -> None:
    mixed = Rig((*ring(3).cameras, *MODELS))
    points = POINTS.reshape(10, 20, 3)
    together = mixed.project(points)
    assert together.shape == (len(mixed), 10, 20, 2)
    flat = mixed.normalise(together)
    for n, one in enumerate(mixed.cameras):
        np.testing.assert_allclose(together[n], one.project(points), atol=1e-10)
        np.testing.assert_allclose(flat[n], one.normalise(together[n]), atol=1e-10)
    ideal = (mixed.extrinsics[:, None] @ np.append(POINTS, np.ones((200, 1)), 1)[..., None])[..., 0]
    np.testing.assert_allclose(
        flat.reshape(len(mixed), -1, 2), ideal[..., :2] / ideal[..., 2:], atol=1e-9
    )


def test_a_scaled_camera_sees_the_same_in_another_size() -> None:
    one = camera()
    half = one.scaled((640, 360))
    np.testing.assert_allclose(half.project(POINTS), (one.project(POINTS) + 0.5) / 2 - 0.5)
    assert one.scaled(one.size) is one
    with pytest.raises(RigError, match=r"1280x720 pictures, but 720x1280 pictures have another"):
        one.scaled((720, 1280))


@pytest.mark.parametrize(
    ("size", "scale"),
    [
        ((1272, 720), (1, 1)),  # columns are missing
        ((1280, 724), (1, 1)),  # rows are too many
        ((636, 360), (0.5, 0.5)),  # made smaller and cut off
        ((853, 480), (853 / 1280, 2 / 3)),  # what rounding leaves
    ],
)
def test_pictures_of_nearly_the_shape_were_cut_off_not_drawn_out(
    size: tuple[int, int], scale: tuple[float, float]
) -> None:
    own = camera().scaled(size)
    assert own.size == size
    want = (camera().project(POINTS) + 0.5) * scale - 0.5
    np.testing.assert_allclose(own.project(POINTS), want, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"matrix": np.eye(4)}, "matrix of shape"),
        ({"matrix": np.diag([900.0, -900, 1])}, "above 0"),
        ({"matrix": np.array([[900.0, 1, 0], [0, 900, 0], [0, 0, 1]])}, "has a matrix that is not"),
        ({"distortion": np.zeros(6)}, "no lens model"),
        ({"distortion": np.full(5, np.nan)}, "not finite"),
        ({"fisheye": True}, "no lens model"),
        ({"rotation": np.diag([1.0, 1, -1])}, "not a rotation matrix"),
        ({"rotation": 1.1 * np.eye(3)}, "not a rotation matrix"),
        ({"size": (0, 720)}, "above 0"),
    ],
)
def test_what_is_no_camera_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RigError, match=words) as caught:
        replace(camera(), **change)
    assert "Camera cam" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cameras_of_a_rig_have_names_of_their_own() -> None:
    with pytest.raises(RigError, match="a name of its own"):
        Rig((camera("a"), camera("a")))
    with pytest.raises(RigError):
        Rig(())
