"""3D bodies with known answers, and what the cameras of a rig see of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calibration.geometry.camera import Rig
from engines.types.arrays import Doubles
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton, named_skeleton
from realtime.types.frames import Frame
from realtime.types.results import Tracks, View

BODY25 = named_skeleton("body25")


def body(
    at: tuple[float, float],
    *,
    heading: float = 0.0,
    phase: float = 0.0,
    height: float = 1.75,
    skeleton: Skeleton = BODY25,
) -> Doubles:
    """(K, 3) metres of somebody who walks, Z up: heading and phase of the step in radians."""
    swing = 0.5 * np.sin(phase)
    points: dict[str, Sequence[float]] = {}  # ahead, to the left, up, for 1.75 m
    points["neck"], points["nose"], points["mid_hip"] = (0, 0, 1.45), (0.1, 0, 1.6), (0, 0, 0.95)
    for side, sign in (("left", 1), ("right", -1)):
        leg, arm = sign * swing, -sign * swing
        hip = np.array([0, 0.1 * sign, 0.95])
        knee = hip + 0.43 * np.array([np.sin(leg), 0, -np.cos(leg)])
        shin = leg - 0.3 * (1 + np.cos(phase)) / 2
        ankle = knee + 0.43 * np.array([np.sin(shin), 0, -np.cos(shin)])
        shoulder = np.array([0, 0.19 * sign, 1.45])
        elbow = shoulder + 0.29 * np.array([np.sin(arm), 0.1 * sign, -np.cos(arm)])
        wrist = elbow + 0.25 * np.array([np.sin(arm + 0.4), 0, -np.cos(arm + 0.4)])
        own = {
            "hip": hip,
            "knee": knee,
            "ankle": ankle,
            "shoulder": shoulder,
            "elbow": elbow,
            "wrist": wrist,
            "eye": (0.08, 0.03 * sign, 1.64),
            "ear": (0, 0.07 * sign, 1.62),
            "heel": ankle + np.array([-0.05, 0, -0.06]),
            "big_toe": ankle + np.array([0.15, 0, -0.06]),
            "small_toe": ankle + np.array([0.13, 0.05 * sign, -0.06]),
        }
        points.update({f"{side}_{name}": tuple(where) for name, where in own.items()})
    local = np.array([points[name] for name in skeleton.keypoints]) * height / 1.75
    cos, sin = np.cos(heading), np.sin(heading)
    turned: Doubles = local @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return turned + np.array([*at, 0])


def hand(wrist: Doubles, forearm: Doubles, curl: float, sign: int) -> Doubles:
    """(21, 3) metres: 9 cm from wrist to knuckles, fingers of 4, 2.5 and 2 cm that bend by `curl`
    radians a joint; sign: 1 of a left hand, whose thumb is on the other side.
    """
    ahead = forearm / np.linalg.norm(forearm)
    across = np.cross(ahead, (0, 0, 1.0))
    across /= np.linalg.norm(across)
    palm = np.cross(across, ahead)
    out = [wrist]
    for finger in range(5):
        at = wrist + 0.09 * ahead + sign * (0.02 * finger - 0.04) * across
        lengths = (0.04, 0.025, 0.02)
        if finger == 0:
            at, lengths = wrist + 0.03 * ahead - sign * 0.035 * across, (0.035, 0.03, 0.025)
        out.append(at)
        for joint, length in enumerate(lengths):
            bend = curl * (joint + 1)
            at = at + length * (np.cos(bend) * ahead + np.sin(bend) * palm)
            out.append(at)
    return np.array(out)


def sightings(
    rig: Rig,
    bodies: Sequence[Doubles],
    moment: float = 0.0,
    *,
    rng: np.random.Generator | None = None,
    noise: float = 0.0,
    missing: float = 0.0,
    skeleton: Skeleton = BODY25,
    ids: Sequence[Sequence[int]] | None = None,
) -> list[View | None]:
    """A view a camera: the bodies (in an order of each view's own where rng is given)."""
    views: list[View | None] = []
    for n, camera in enumerate(rig.cameras):
        xy = np.array([camera.project(one) for one in bodies])
        xy = xy.reshape(len(bodies), len(skeleton.keypoints), 2)
        order = np.arange(len(bodies))
        if rng is not None:
            xy += rng.normal(0, noise, xy.shape)
            xy[rng.random(xy.shape[:2]) < missing] = np.nan
            order = rng.permutation(len(bodies))
        xy = xy[order].astype(np.float32)
        score = np.where(np.isnan(xy[..., 0]), 0, 0.8).astype(np.float32)
        poses = Poses(skeleton, xy, score, np.ones(len(xy), np.float32))
        image = np.zeros((camera.size[1], camera.size[0], 3), np.uint8)
        frame = Frame(camera.name, 0, camera.name, moment, moment, image, poses)
        tracks = Tracks.untracked(poses)
        if ids is not None:
            tracks = Tracks(np.array(ids[n], np.int64)[order], poses, tracks.filled)
        views.append(View(frame, tracks))
    return views
