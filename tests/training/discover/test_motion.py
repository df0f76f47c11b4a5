"""Optical flow of a clip: a known texture that moves by known ways."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="for training: pip install -r requirements-train.txt")

from tests.articulated import LINKS, arm, camera, render, wall  # noqa: E402
from training.discover.motion import Motion  # noqa: E402

SIDE = 128  # of the pictures; the network sees half of it
STEP = 4  # pixels a picture, to the right


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Six pictures of a texture that moves, then six of another scene."""
    rng = np.random.default_rng(0)
    out = []
    for _ in range(2):
        noise = rng.integers(0, 256, (SIDE, SIDE + 6 * STEP, 3)).astype(np.uint8)
        scene = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)
        out += [scene[:, 6 * STEP - STEP * n :][:, :SIDE] for n in range(6)]
    return np.stack(out)


def test_places_are_carried_as_the_texture_moves(pictures: np.ndarray) -> None:
    motion = Motion(pictures, np.zeros(12, int), np.array([3]))
    start = np.array([0, 1, 2])
    end = motion.arrival(start, np.array([5, 1, 1]))
    np.testing.assert_array_equal(end, [5, 2, 2])  # the third may not be learnt from
    xy = torch.tensor([[[0.0, 0.1], [-0.5, 0.4]]]).repeat(3, 1, 1)
    moved, told = motion.carry(xy, start, end)
    assert told.all()
    wanted = torch.tensor([5.0, 1.0, 0.0])[:, None] * STEP * 2 / SIDE
    torch.testing.assert_close(moved[..., 0], xy[..., 0] + wanted, atol=0.02, rtol=0)
    torch.testing.assert_close(moved[..., 1], xy[..., 1], atol=0.02, rtol=0)


def test_nothing_is_carried_to_another_scene_or_camera(pictures: np.ndarray) -> None:
    motion = Motion(pictures, np.zeros(12, int), np.array([], int))
    assert motion.after[5] == motion.after[11] == -1
    assert motion.arrival(np.array([4]), np.array([3])).tolist() == [4]
    two = Motion(pictures[:4], np.array([0, 1, 0, 1]), np.array([], int))
    assert two.after.tolist() == [2, 3, -1, -1]


def test_a_thin_thing_is_followed_before_a_wall_that_stands_still() -> None:
    """Flow of a coarse picture takes thin parts half as far as they go."""
    size = (160, 120)
    seen_by, behind = camera(0.0, size), wall(size, 0)
    joints = arm(30, 0, flat=True)
    pictures = np.stack([render(one, seen_by, behind) for one in joints])
    middles = np.stack([joints[:, [a, b]].mean(1) for a, b in LINKS], 1)
    xy = (seen_by.project(middles)[..., :2] + 0.5) / np.array(size) * 2 - 1
    motion = Motion(pictures, np.zeros(30, int), np.array([], int))
    start = np.arange(26)
    moved, _ = motion.carry(torch.from_numpy(xy[:26]), start, motion.arrival(start, 0 * start + 4))
    way, wanted = moved.numpy() - xy[:26], xy[4:] - xy[:26]
    along = (way * wanted).sum(-1) / (wanted**2).sum(-1)
    assert np.median(along) > 0.8
