"""Labelled and found people in 3D, from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from engines.types.errors import sentence
from engines.types.skeleton import named_skeleton
from posestream.scoring.labels.reading import DAMAGED
from posestream.scoring.measures.space import JOINTS, People, Truth, shelf_joints
from realtime.sources.openpose_json import SKELETONS, keypoint_files
from realtime.types.errors import SourceError


def recognises(data: Any) -> bool:
    """Whether a JSON file has Shelf's joints, frame by frame."""
    return isinstance(data, dict) and {"joints", "frames"} <= {*data}


def read_truth(data: Any, path: Path) -> Truth:
    """The 14 joints of each person in metres; SourceError where they are damaged."""
    try:
        return [
            {
                int(who): np.array(joints[: len(JOINTS)], float).reshape(len(JOINTS), 3)
                for who, joints in frame.items()
            }
            for frame in data["frames"]
        ]
    except DAMAGED as error:
        raise SourceError(f"{path} has labels that cannot be read: {error}.") from error


def read_people(folder: Path, frames: int) -> People:
    """A folder of --json3d, in the order of its names; SourceError unless one file a frame."""
    if not folder.is_dir():
        raise SourceError(f"{folder} is not there; give a folder of 3D people, as of --json3d.")
    files = keypoint_files(str(folder))
    if len(files) != frames:
        raise SourceError(
            f"{folder} has {len(files)} files, but {frames} frames are labelled; run the program "
            "on the very frames that are."
        )
    return [_people(Path(path)) for path in files]


def _people(path: Path) -> list[np.ndarray]:
    try:
        people = []
        for person in json.loads(path.read_bytes())["people"]:
            flat = np.array(person.get("pose_keypoints_3d") or [], float).reshape(-1, 4)
            if not len(flat):
                continue
            if len(flat) not in SKELETONS:
                raise ValueError(f"{len(flat)} keypoints are of no known skeleton")
            xyz = np.where(flat[:, 3:] > 0, flat[:, :3], np.nan)
            people.append(shelf_joints(named_skeleton(SKELETONS[len(flat)]).keypoints, xyz))
        return people
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    except DAMAGED as error:
        raise SourceError(sentence(f"{path} is no OpenPose JSON of 3D people: {error}.")) from error
