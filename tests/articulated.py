"""An articulated thing with known joints, rendered before a textured wall: an arm that moves, seen
by one camera or by four.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engines.types.arrays import Doubles, Image

JOINTS = ("base", "shoulder", "elbow", "wrist", "thumb", "finger")
LINKS = ((0, 1), (1, 2), (2, 3), (3, 4), (3, 5))
LENGTHS = (0.45, 0.55, 0.5, 0.28, 0.32)  # metres
RADII = (0.15, 0.125, 0.1, 0.07, 0.07)
COLOURS = (
    ((40, 60, 200), (60, 200, 230)),
    ((200, 120, 40), (240, 230, 200)),
    ((60, 170, 60), (30, 40, 60)),
    ((200, 60, 190), (200, 60, 190)),
    ((40, 200, 240), (40, 200, 240)),
)
SIZE = 1.9  # metres, of the stretched arm
STEPS = 14  # discs a link
AROUND = (-75, -25, 25, 75)  # degrees, of four cameras


@dataclass(frozen=True, eq=False)
class Camera:
    """Pinhole: pixels (3, 3), world to camera (3, 3) and (3,)."""

    matrix: Doubles
    rotation: Doubles
    translation: Doubles

    def project(self, world: Doubles) -> Doubles:
        """(..., 3) -> (..., 3): x, y in pixels, depth in metres."""
        local = world @ self.rotation.T + self.translation
        flat = local[..., :2] / local[..., 2:]
        xy = flat * self.matrix.diagonal()[:2] + self.matrix[:2, 2]
        return np.concatenate([xy, local[..., 2:]], -1)


def camera(degrees: float, size: tuple[int, int], height: float = 1.1) -> Camera:
    """Four metres from the thing's middle, around it."""
    angle = np.radians(degrees)
    middle = np.array([0.0, 0.75, 0.0])
    centre = middle + np.array([4 * np.sin(angle), height - 0.75, -4 * np.cos(angle)])
    ahead = (middle - centre) / np.linalg.norm(middle - centre)
    right = np.cross(ahead, np.array([0.0, 1.0, 0.0]))
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    focal = 1.15 * max(size)
    matrix = np.array([[focal, 0, size[0] / 2 - 0.5], [0, focal, size[1] / 2 - 0.5], [0, 0, 1.0]])
    return Camera(matrix, rotation, -rotation @ centre)


def arm(count: int, seed: int, *, flat: bool = False) -> Doubles:
    """(F, J, 3) joints in metres, y up, over a smooth random motion. flat: about in one plane."""
    chance = np.random.default_rng(seed)
    time = np.arange(count) / 12

    def wave(amplitude: float) -> Doubles:
        rate, phase = chance.uniform(0.5, 1.3, 3), chance.uniform(0, 2 * np.pi, 3)
        share = np.array([0.5, 0.3, 0.2])
        return amplitude * (np.sin(time[:, None] * rate + phase) * share).sum(1) * 1.5

    out = np.zeros((count, len(JOINTS), 3))
    out[:, 0, 0], out[:, 0, 2] = wave(0.3), wave(0.05 if flat else 0.25)
    yaw = wave(0.25 if flat else 1.0)
    bends = [wave(0.25), wave(0.9), wave(0.9)]
    open_ = 0.45 + 0.2 * wave(1.0)
    angle = np.full(count, np.pi / 2)  # of the link, in the arm's plane; up at first
    plane = np.stack([np.cos(yaw), np.zeros(count), np.sin(yaw)], 1)
    up = np.array([0.0, 1.0, 0.0])
    tilts = [angle + bends[0]]
    tilts.append(tilts[0] - 0.7 + bends[1])
    tilts.append(tilts[1] - 0.9 + bends[2])
    tilts += [tilts[2] + open_, tilts[2] - open_]
    for (one, other), length, tilt in zip(LINKS, LENGTHS, tilts, strict=True):
        way = plane * np.cos(tilt)[:, None] + up * np.sin(tilt)[:, None]
        out[:, other] = out[:, one] + length * way
    return out


def wall(size: tuple[int, int], seed: int) -> Image:
    """A background with corners of its own, which are no landmarks of the thing."""
    chance = np.random.default_rng(seed)
    wide, high = size
    out = np.full((high, wide, 3), 120, np.uint8)
    for _ in range(22):
        corner = chance.integers(0, [wide, high])
        end = corner + chance.integers(5, max(6, wide // 4), 2)
        colour = chance.integers(40, 215, 3).tolist()
        cv2.rectangle(out, corner.tolist(), end.tolist(), colour, -1)
    return cv2.GaussianBlur(out, (3, 3), 0)


def render(joints: Doubles, seen_by: Camera, background: Image) -> Image:
    """(J, 3) joints -> the picture: links of discs with bands of two colours, far ones first."""
    out = background.copy()
    discs = []
    along = (np.arange(STEPS) + 0.5) / STEPS
    for (one, other), radius, colours in zip(LINKS, RADII, COLOURS, strict=True):
        spots = joints[one] + along[:, None] * (joints[other] - joints[one])
        placed = seen_by.project(spots)
        for n, (x, y, depth) in enumerate(placed):
            band = colours[n // 3 % 2] if n < STEPS - 4 else colours[0]
            thick = radius * (1 - 0.3 * along[n])
            discs.append((depth, x, y, thick * seen_by.matrix[0, 0] / depth, band))
    for _, x, y, radius, colour in sorted(discs, key=lambda disc: -disc[0]):
        centre = round(x * 8), round(y * 8)
        cv2.circle(out, centre, round(radius * 8), colour, -1, cv2.LINE_AA, 3)
    return out
