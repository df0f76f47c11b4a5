"""OpenPose JSON 1.3: a file a frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from engines.convert import converted
from engines.poses import Floats
from engines.skeleton import Skeleton
from realtime.errors import OutputError
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
    """Writes `<frame name>_keypoints.json` into a folder, also for frames without people.

    skeleton: whose keypoints to write in place of the model's. sources: files to leave alone.
    """

    def __init__(
        self, folder: Path, skeleton: Skeleton | None = None, sources: Sequence[Path] = ()
    ) -> None:
        check_folder(folder, "--json")
        if any(file.parent == folder.resolve() and file.suffix == ".json" for file in sources):
            raise OutputError(f"--json {folder} holds the source itself; choose another folder.")
        self._folder = folder
        self._skeleton = skeleton

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, result: Result) -> None:
        """One file a view."""
        for view in filter(None, result.views):
            path = self._folder / f"{view.frame.name}_keypoints.json"
            text = openpose_json(view.tracks, self._skeleton)
            write_whole(path, text.encode())


def openpose_json(tracks: Tracks, skeleton: Skeleton | None = None) -> str:
    """The people of a frame as OpenPose writes them: no blanks, no line ends, six digits.

    skeleton: whose keypoints to write in place of the tracks' own.
    """
    poses = converted(tracks.poses, skeleton or tracks.poses.skeleton)
    people = (
        f'{{"person_id":[{track}],"pose_keypoints_2d":[{numbers(triples)}]{AFTER}}}'
        for track, triples in zip(tracks.id.tolist(), keypoint_triples(poses), strict=True)
    )
    return f'{{"version":1.3,"people":[{",".join(people)}]}}'


def numbers(values: Floats) -> str:
    """The values with commas between, as C++ streams print them."""
    return ",".join(["%g"] * values.size) % tuple(values.ravel().tolist())
