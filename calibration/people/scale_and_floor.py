"""Metres and a floor from people: how tall they are, and which way they stand.

Proportions are shares of a person's height after Drillis and Contini ("Body segment parameters",
1966), as in Winter's "Biomechanics and Motor Control of Human Movement", figure 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError

ANKLE_HEIGHT = 0.039  # height of the ankles
ANKLE_TO_EYE = 0.246 + 0.245 + 0.288 + 0.118  # ankle to knee to hip to shoulders to eyes and ears
MIN_BODIES = 20  # known from ankles to head, for a median to hold (rule of thumb)
MIN_STRAIGHTNESS = 0.97  # of legs and trunk: a knee bent by 30 degrees shortens the leg to 0.97
# By which the mean direction of people who stand may lean (rule of thumb).
UP_SIGMA = np.radians(2.0)
FLOOR_SIGMA = 0.03  # of a height: a standing ankle is off the floor by 5 cm (rule of thumb)


class Joints:
    """Bodies (G, K, 3) of named keypoints by their parts, (G, 3) each; NaN = not known."""

    def __init__(self, xyz: Doubles, keypoints: Sequence[str]) -> None:
        self._xyz = xyz
        self._names = list(keypoints)

    def one(self, name: str) -> Doubles:
        if name not in self._names:
            return np.full((len(self._xyz), 3), np.nan)
        return self._xyz[:, self._names.index(name)]

    def middle(self, part: str) -> Doubles:
        """Between left and right."""
        middle: Doubles = (self.one(f"left_{part}") + self.one(f"right_{part}")) / 2
        return middle

    def head(self) -> Doubles:
        """The mean of what is known of eyes and ears, which lie about as high."""
        return _mean([self.one(f"{s}_{p}") for s in ("left", "right") for p in ("eye", "ear")])

    def legs(self) -> Doubles:
        """(G,) ankle to knee to hip, the mean of the known ones."""
        both = [
            _apart(self.one(f"{side}_ankle"), self.one(f"{side}_knee"))
            + _apart(self.one(f"{side}_knee"), self.one(f"{side}_hip"))
            for side in ("left", "right")
        ]
        return _mean(both)


def _mean(parts: Sequence[Doubles]) -> Doubles:
    """Of those that are known; NaN where none is."""
    stack = np.stack(parts)
    known = np.isfinite(stack)
    with np.errstate(invalid="ignore"):
        mean: Doubles = np.where(known, stack, 0).sum(0) / known.sum(0)
    return mean


def _apart(one: Doubles, other: Doubles) -> Doubles:
    return np.asarray(np.linalg.norm(one - other, axis=-1), np.float64)


def height(xyz: Doubles, keypoints: Sequence[str]) -> float:
    """How tall people are, in the mean: from ankles along knees, hips and shoulders to eyes and
    ears, bent or not. NaN where too few are seen whole.
    """
    joints = Joints(xyz, keypoints)
    shoulders, hips = joints.middle("shoulder"), joints.middle("hip")
    chain = joints.legs() + _apart(hips, shoulders) + _apart(shoulders, joints.head())
    chain = chain[np.isfinite(chain)]
    return float(np.median(chain)) / ANKLE_TO_EYE if len(chain) >= MIN_BODIES else np.nan


def scaled(rig: Rig, factor: float) -> Rig:
    return Rig(
        tuple(replace(camera, translation=camera.translation * factor) for camera in rig.cameras)
    )


def stood(rig: Rig, xyz: Doubles, keypoints: Sequence[str]) -> tuple[Rig, Doubles]:
    """The rig and the bodies (G, K, 3) in a world with Z up, z = 0 on the floor, the origin amid
    the people and X to the right of the first camera. Metres.

    CalibrationError where nobody stands.
    """
    joints = Joints(xyz, keypoints)
    ankles, hips, shoulders = (joints.middle(part) for part in ("ankle", "hip", "shoulder"))
    body = shoulders - ankles
    with np.errstate(invalid="ignore"):
        standing = np.linalg.norm(body, axis=1) > MIN_STRAIGHTNESS * (
            joints.legs() + _apart(hips, shoulders)
        )
    feet = int(standing.sum()) >= MIN_BODIES
    if not feet:
        body = shoulders - hips
        standing = np.isfinite(body).all(1)
        if int(standing.sum()) < MIN_BODIES:
            raise CalibrationError(
                "Nobody is seen from hips to shoulders often enough to find the vertical; "
                "film somebody walking upright."
            )
    up = _direction(body[standing])
    floor = -np.inf
    tall = height(xyz, keypoints)
    if feet:
        up, floor = _floor(joints, up, tall if np.isfinite(tall) else 1.7)
    else:
        floor = float(np.median((hips @ up)[standing])) - 0.53 * 1.7
    right = rig.cameras[0].rotation[0]
    right = right - (right @ up) * up
    right /= np.linalg.norm(right)
    turn = np.stack([right, np.cross(up, right), up])
    amid = np.nanmedian((shoulders @ turn.T)[standing], axis=0)
    origin = np.array([amid[0], amid[1], floor])
    # x_camera = R x + t, and x = turn^T (x_new + origin).
    cameras = tuple(
        replace(
            camera,
            rotation=camera.rotation @ turn.T,
            translation=camera.rotation @ turn.T @ origin + camera.translation,
        )
        for camera in rig.cameras
    )
    return Rig(cameras), xyz @ turn.T - origin


def _direction(vectors: Doubles) -> Doubles:
    """The direction that most agree on: the geometric median of unit vectors (Weiszfeld)."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    middle = unit.mean(0)
    for _ in range(30):
        weight = 1 / np.maximum(np.linalg.norm(unit - middle, axis=1), 1e-6)
        middle = (unit * weight[:, None]).sum(0) / weight.sum()
    return np.asarray(middle / np.linalg.norm(middle), np.float64)


def _floor(joints: Joints, up: Doubles, tall: float) -> tuple[Doubles, float]:
    """Up, and how high the floor is that way: a plane through the lower ankles, which may tilt
    against how people stand by little.
    """
    left, right = joints.one("left_ankle"), joints.one("right_ankle")
    lower = np.where(((left - right) @ up > 0)[:, None], right, left)
    lower = lower[np.isfinite(lower).all(1)]
    across = np.linalg.svd(up[None])[2][1:]
    middle = np.median(lower, axis=0)
    across_floor, high = (lower - middle) @ across.T, (lower - middle) @ up
    design = np.column_stack([np.ones(len(across_floor)), across_floor])
    found = np.array([float(np.median(high)), 0.0, 0.0])
    wide = FLOOR_SIGMA * tall
    # As if so many steps were independent: frames that follow each other are not.
    share = min(1.0, 100 / len(across_floor))
    for _ in range(20):
        off = np.abs(high - design @ found) / wide
        weight = share * np.minimum(1, 1 / np.maximum(off, 1e-9)) / wide**2
        left_side = design.T @ (design * weight[:, None]) + np.diag([0, *[UP_SIGMA**-2] * 2])
        found = np.linalg.solve(left_side, design.T @ (weight * high))
    tilted = up - found[1:] @ across
    tilted = tilted / np.linalg.norm(tilted)
    floor = float((middle + found[0] * up) @ tilted) - ANKLE_HEIGHT * tall
    return tilted, floor
