"""A right hand with known places, on any forearm."""

import numpy as np

from engines.types.arrays import Floats
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton

COCO = named_skeleton("coco17")


def flat_hand() -> Floats:
    """(21, 2): the wrist is the origin, fingers point up, the middle knuckle is 1 away."""
    out = np.zeros((21, 2), np.float32)
    for finger, (x, y) in enumerate([(-0.6, -0.4), (-0.3, -1), (0, -1), (0.3, -1), (0.55, -0.9)]):
        for joint in range(4):
            out[1 + 4 * finger + joint] = np.array([x, y]) * (1 + 0.25 * joint)
    return out


def turned(xy: Floats, degrees: float) -> Floats:
    """Clockwise, as the picture is seen."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (xy @ np.array([[cos, sin], [-sin, cos]])).astype(np.float32)


def moved(xy: Floats, x: float, y: float) -> Floats:
    return (xy + np.array([x, y])).astype(np.float32)


def body(**joints: tuple[float, float]) -> Poses:
    """One person with these keypoints alone."""
    xy = np.full((1, 17, 2), np.nan, np.float32)
    for name, at in joints.items():
        xy[0, COCO.keypoints.index(name)] = at
    score = np.where(np.isnan(xy[..., 0]), 0, 0.9).astype(np.float32)
    return Poses(COCO, xy, score, np.ones(1, np.float32))
