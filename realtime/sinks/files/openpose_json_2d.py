"""OpenPose JSON 1.3: a file a frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from engines.types.arrays import Floats
from engines.types.errors import CardError
from engines.types.skeleton import Skeleton, named_skeleton
from engines.types.skeleton_conversion import check_conversion, converted
from realtime.types.errors import OutputError
from realtime.types.results import Result, Tracks
from realtime.writing.json_text import keypoint_triples
from realtime.writing.whole_files import check_folder, write_whole

# What OpenPose's other networks would fill, in its order.
EMPTY_FIELDS = "".join(
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
    candidates: write the keypoints that were found before people were made of them as well.
    """

    def __init__(
        self,
        folder: Path,
        skeleton: Skeleton | None = None,
        sources: Sequence[Path] = (),
        *,
        candidates: bool = False,
    ) -> None:
        check_folder(folder, "--json")
        if any(file.parent == folder.resolve() and file.suffix == ".json" for file in sources):
            raise OutputError(f"--json {folder} is the source's folder; choose another folder.")
        self._folder = folder
        self.written = str(folder)
        self._skeleton = skeleton
        self._candidates = candidates

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, result: Result) -> None:
        """One file a view."""
        for view in filter(None, result.views):
            path = self._folder / f"{view.frame.name}_keypoints.json"
            peaks = view.evidence.peaks if self._candidates and view.evidence else None
            text = openpose_json(view.tracks, self._skeleton, peaks)
            write_whole(path, text.encode(), lasting=False)


def json_skeleton(name: str | None, own: Skeleton) -> Skeleton | None:
    """The skeleton of --json-skeleton; OutputError where the model's `own` has nothing of it."""
    if name is None:
        return None
    target = named_skeleton(name)
    try:
        check_conversion(own, target)
    except CardError as error:
        raise OutputError(f"--json-skeleton {name} does not fit this model: {error}") from error
    return target


def openpose_json(
    tracks: Tracks, skeleton: Skeleton | None = None, candidates: Floats | None = None
) -> str:
    """The people of a frame as OpenPose writes them: no blanks, no line ends, six digits.

    skeleton: whose keypoints to write in place of the tracks' own. candidates: (M, 4) keypoint
    type, x, y, score; become its `part_candidates`, a list for each keypoint of the model.
    """
    poses = converted(tracks.poses, skeleton or tracks.poses.skeleton)
    people = (
        f'{{"person_id":[{track}],"pose_keypoints_2d":[{numbers(triples)}]{EMPTY_FIELDS}}}'
        for track, triples in zip(tracks.id.tolist(), keypoint_triples(poses), strict=True)
    )
    parts = ""
    if candidates is not None:
        lists = (
            f'"{n}":[{numbers(candidates[candidates[:, 0] == n, 1:])}]'
            for n in range(len(tracks.poses.skeleton.keypoints))
        )
        parts = f',"part_candidates":[{{{",".join(lists)}}}]'
    return f'{{"version":1.3,"people":[{",".join(people)}]{parts}}}'


def numbers(values: Floats) -> str:
    """The values with commas between, as C++ streams print them."""
    return ",".join(["%g"] * values.size) % tuple(values.ravel().tolist())
