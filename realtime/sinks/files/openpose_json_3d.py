"""3D people as OpenPose JSON: one file for each instant."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from engines.types.openpose_arrays import ARRAYS, parts_apart, pose_skeleton
from engines.types.skeleton import Skeleton
from engines.types.skeleton_conversion import origins
from realtime.types.results import Poses3D, Result
from realtime.writing.whole_files import check_folder, write_whole


class Json3DSink:
    """Writes `<rig>_%012d_keypoints.json`, instants counted from 0, also those without people.

    skeleton: whose keypoints to write in place of the model's.
    """

    def __init__(self, folder: Path, rig: str, skeleton: Skeleton | None = None) -> None:
        check_folder(folder, "--json3d")
        self._folder = folder
        self.written = str(folder)
        self._rig = rig
        self._skeleton = skeleton
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, result: Result) -> None:
        """One file."""
        if result.poses3d is not None:
            path = self._folder / f"{self._rig}_{self._count:012d}_keypoints.json"
            text = openpose_json3d(result.poses3d, self._skeleton)
            write_whole(path, text.encode(), lasting=False)
            self._count += 1


def openpose_json3d(poses: Poses3D, skeleton: Skeleton | None = None) -> str:
    """x, y, z in metres and 1 for each keypoint that is known, four times 0 otherwise.

    Hands and faces have arrays of their own, see openpose_json. skeleton: whose keypoints to write
    in place of their own, see `skeleton_conversion.converted`.
    """
    pose = pose_skeleton(poses.skeleton, skeleton)
    apart = parts_apart(poses.skeleton, pose)
    columns = [_field("pose_keypoints", poses, pose)]
    columns += [_field(ARRAYS[part], poses, one) for part, one in apart.items()]
    people = (
        f'{{"person_id":[{identity}],"pose_keypoints_2d":[],{",".join(row)}}}'
        for identity, *row in zip(poses.id.tolist(), *columns, strict=True)
    )
    return f'{{"version":1.3,"people":[{",".join(people)}]}}'


def _field(name: str, poses: Poses3D, skeleton: Skeleton) -> list[str]:
    """An array of each person."""
    points = np.full((len(poses), len(skeleton.keypoints), 3), np.nan)
    for n, at in enumerate(origins(poses.skeleton, skeleton)):
        if at:
            points[:, n] = poses.xyz[:, at].mean(1)
    known = ~np.isnan(points[..., :1])
    numbers = np.concatenate([np.where(known, points, 0), known], axis=-1)
    return [
        f'"{name}_3d":[{",".join(f"{number:.6g}" for number in one.ravel().tolist())}]'
        for one in numbers
    ]
