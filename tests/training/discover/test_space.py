"""Landmarks in 3D: known cameras, known points, known turns."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="for training: pip install -r requirements-train.txt")

from tests.articulated import AROUND, arm, camera  # noqa: E402
from training.discover.clip import Pinholes, input_size, letterbox_into, make_clip  # noqa: E402
from training.discover.space import (  # noqa: E402
    REACH,
    Stage,
    consistency,
    kabsch,
    together,
    turn_between,
)

SIZE = (96, 80)
CAMERAS = [camera(degrees, SIZE) for degrees in AROUND]
PINHOLES = Pinholes(
    np.stack([one.matrix for one in CAMERAS]),
    np.stack([one.rotation for one in CAMERAS]),
    np.stack([one.translation for one in CAMERAS]),
)
JOINTS = arm(5, 0)


def views() -> tuple[np.ndarray, np.ndarray]:
    """(F, V, K, 2) pixels and (F, V, K) depths in metres."""
    seen = np.stack([one.project(JOINTS) for one in CAMERAS], 1)
    return seen[..., :2], seen[..., 2]


def test_places_and_depths_of_every_view_are_the_points() -> None:
    pixels, metres = views()
    stage = Stage(PINHOLES, SIZE)
    xy = (pixels + 0.5) / np.array(SIZE) * 2 - 1
    raw = np.arctanh((metres / stage.distance.numpy()[:, None] - 1) / REACH)
    local = stage.local(*(torch.tensor(one, dtype=torch.float32) for one in (xy, raw)))
    world = stage.to_world(local)
    wanted = torch.tensor(JOINTS, dtype=torch.float32)
    for view in range(4):
        torch.testing.assert_close(world[:, view], wanted, atol=1e-4, rtol=0)
    assert consistency(world, wanted, stage.scale).item() < 1e-4
    off = consistency(world + torch.tensor([0.3, 0.0, 0.4]), wanted, 1.0).item()
    assert off == pytest.approx(0.5, abs=2e-3)
    back = stage.project(wanted)
    torch.testing.assert_close(back, torch.tensor(xy, dtype=torch.float32), atol=1e-4, rtol=0)
    np.testing.assert_allclose(PINHOLES.focus, [0, 0.75, 0], atol=1e-9)
    assert stage.side == pytest.approx(4 / 1.15, abs=0.02)


def test_the_mean_of_views_goes_by_their_confidence() -> None:
    world = torch.tensor([[[[0.0, 0.0, 0.0]], [[1.0, 2.0, 4.0]]]])
    even = together(world, torch.zeros(1, 2, 1))
    torch.testing.assert_close(even[0, 0], torch.tensor([0.5, 1.0, 2.0]))
    sure = together(world, torch.tensor([[[0.0], [np.log(3)]]], dtype=torch.float32))
    torch.testing.assert_close(sure[0, 0], torch.tensor([0.75, 1.5, 3.0]))


def test_triangulated_places_are_the_points_whatever_one_view_says() -> None:
    """Also what all but one of four views see; and views are told where to go."""
    pixels, _ = views()
    stage = Stage(PINHOLES, SIZE)
    xy = torch.tensor((pixels + 0.5) / np.array(SIZE) * 2 - 1, dtype=torch.float32)
    sure, wanted = torch.ones(xy.shape[:3]), torch.tensor(JOINTS, dtype=torch.float32)
    torch.testing.assert_close(stage.triangulate(xy, sure), wanted, atol=5e-3, rtol=0)
    wrong = xy.clone()
    wrong[:, 1] += torch.tensor([0.5, -0.4])
    torch.testing.assert_close(stage.triangulate(wrong, sure), wanted, atol=0.04, rtol=0)
    sure[:, 1] = 0
    torch.testing.assert_close(stage.triangulate(wrong, sure), wanted, atol=5e-3, rtol=0)
    near = (xy + 0.02).requires_grad_()
    ((stage.triangulate(near, torch.ones_like(sure)) - wanted) ** 2).sum().backward()
    assert near.grad is not None
    assert (near.grad > 0).float().mean() > 0.8


@pytest.mark.parametrize("flat", [False, True])
def test_kabsch_finds_the_relative_pose_of_two_views(flat: bool) -> None:
    """Also of points in a plane, where a reflection fits as well; with noise nearly so."""
    rng = np.random.default_rng(0)
    points = rng.normal(0, 1, (8, 3)) * ([1, 1, 0] if flat else [1, 1, 1])
    one, other = CAMERAS[0], CAMERAS[2]
    first = points @ one.rotation.T + one.translation
    second = points @ other.rotation.T + other.translation
    rotation, shift = kabsch(first, second)
    wanted = other.rotation @ one.rotation.T
    np.testing.assert_allclose(rotation, wanted, atol=1e-9)
    np.testing.assert_allclose(first @ rotation.T + shift, second, atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert turn_between(np.eye(3), wanted) == pytest.approx(AROUND[2] - AROUND[0], abs=3)
    noisy, _ = kabsch(first, second + rng.normal(0, 0.01, second.shape))
    assert turn_between(noisy, wanted) < 2


def test_pictures_fill_the_networks_input() -> None:
    assert input_size((640, 480), 128) == (256, 192)
    assert input_size((1080, 1920), 96) == (128, 192)
    box = letterbox_into((256, 192), (1280, 720))
    assert (box.scaled, box.offset) == ((256, 144), (0, 24))


@pytest.mark.parametrize("step", [0, 2])
def test_a_pan_over_a_plain_wall_shows_no_lasting_background(step: int) -> None:
    """Half of such a picture is its median wherever the camera looks. A thing that crosses it is
    no reason to think that the camera moves."""
    wall = np.full((96, 220, 3), 120, np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(30):
        y, x = rng.integers(0, [84, 200])
        wall[y : y + 10, x : x + 14] = rng.integers(40, 215, 3)
    pictures = []
    for n in range(40):
        picture = wall[:, step * n :][:, :128].copy()
        picture[30:60, 2 * n : 2 * n + 20] = rng.integers(0, 256, 3)
        pictures.append(picture)
    clip = make_clip(pictures, [0] * 40)
    assert (clip.bases is None) == (step > 0)


def test_what_a_still_camera_always_sees_is_its_median() -> None:
    rng = np.random.default_rng(0)
    wall = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    pictures = []
    for n in range(20):
        picture = wall.copy()
        picture[20:30, 2 * n : 2 * n + 10] = 255
        pictures.append(picture)
    clip = make_clip(pictures, [0] * 20)
    assert clip.bases is not None
    assert (clip.bases[0] == wall).mean() > 0.98
    moving = [np.roll(wall, 3 * n, 1) for n in range(20)]
    assert make_clip(moving, [0] * 20).bases is None
