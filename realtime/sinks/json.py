"""OpenPose JSON 1.3: a file a frame."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from engines.poses import Floats
from realtime.lines import keypoint_triples
from realtime.poses import Result, Tracks
from realtime.sinks.files import check_folder, write_whole

# What OpenPose's other networks would fill, in its order.
AFTER = "".join(
    f',"{name}":[]'
    for name in (
        "face_keypoints_2d",
        "hand_left_keypoints_2d",
        "hand_right_keypoints_2d",
        "pose_keypoints_3d",
        "face_keypoints_3d",
        "hand_left_keypoints_3d",
        "hand_right_keypoints_3d",
    )
)


class JsonSink:
    """Writes `<frame name>_keypoints.json` into a folder, also for frames without people."""

    def __init__(self, folder: Path) -> None:
        check_folder(folder, "--json")
        self._folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, result: Result) -> None:
        """One file a view."""
        for view in filter(None, result.views):
            path = self._folder / f"{view.frame.name}_keypoints.json"
            write_whole(path, openpose_json(view.tracks).encode())


def openpose_json(tracks: Tracks) -> str:
    """The people of a frame as OpenPose writes them: no blanks, no line ends, six digits."""
    people = (
        f'{{"person_id":[{track}],"pose_keypoints_2d":[{numbers(triples)}]{AFTER}}}'
        for track, triples in zip(tracks.id.tolist(), keypoint_triples(tracks.poses), strict=True)
    )
    return f'{{"version":1.3,"people":[{",".join(people)}]}}'


def numbers(values: Floats) -> str:
    """The values with commas between, as C++ streams print them."""
    return ",".join(["%g"] * values.size) % tuple(values.ravel().tolist())
