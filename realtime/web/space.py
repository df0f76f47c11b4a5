"""People in space, and the cameras around them, as lines of JSON for a page."""

from __future__ import annotations

import json

import numpy as np

from calibration.camera import Camera, Rig
from calibration.lens import Doubles
from engines.skeleton import Skeleton
from realtime.poses import Result
from realtime.upright import upwards


def space_header(rig: Rig, skeleton: Skeleton) -> str:
    """What comes first: the keypoints, which way is up, and each camera's place and sight."""
    header = {
        "skeleton": {
            "name": skeleton.name,
            "keypoints": list(skeleton.keypoints),
            "limbs": [list(limb) for limb in skeleton.drawn],
        },
        "up": upwards(rig).tolist(),
        "cameras": [
            {
                "name": camera.name,
                "centre": camera.centre.round(4).tolist(),
                "corners": corners(camera).round(4).tolist(),
            }
            for camera in rig.cameras
        ],
    }
    return json.dumps(header, separators=(",", ":"))


def space_line(result: Result) -> str:
    """An instant's people; a keypoint is [x, y, z] in metres, null where it is not known."""
    people = []
    if (poses := result.poses3d) is not None:
        for identity, xyz, filled in zip(poses.id, poses.xyz, poses.filled, strict=True):
            points = [None if p[0] != p[0] else [round(x, 4) for x in p] for p in xyz.tolist()]
            people.append({"id": int(identity), "xyz": points, "filled": np.flatnonzero(filled)})
    line = {"time": round(result.time, 6), "people": people}
    return json.dumps(line, separators=(",", ":"), default=np.ndarray.tolist)


def corners(camera: Camera) -> Doubles:
    """(4, 3) directions in the world to the picture's corners, a metre deep; without distortion,
    which no lens model holds for certain out there.
    """
    wide, high = camera.size
    pixels = np.array([[0, 0], [wide, 0], [wide, high], [0, high]]) - 0.5
    flat = (pixels - camera.matrix[:2, 2]) / camera.matrix.diagonal()[:2]
    ahead: Doubles = np.concatenate([flat, np.ones((4, 1))], axis=1) @ camera.rotation
    return ahead
