"""OpenPose JSON 1.3: a file a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

import numpy as np

from engines.types.arrays import Floats
from engines.types.errors import CardError
from engines.types.openpose_arrays import ARRAYS, parts_apart, pose_skeleton
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton, named_skeleton
from engines.types.skeleton_conversion import check_conversion, converted
from engines.types.skeleton_groups import core
from realtime.types.errors import OutputError
from realtime.types.results import Result, Tracks
from realtime.writing.json_text import keypoint_triples
from realtime.writing.whole_files import check_folder, write_whole

Units = Literal["px", "unit", "signed"]
FIELDS_3D = "".join(
    f',"{name}_3d":[]' for name in ("pose_keypoints", *ARRAYS.values())
)  # which --json3d fills


class JsonSink:
    """Writes `<frame name>_keypoints.json` into a folder, also for frames without people.

    skeleton: whose keypoints to write in place of the model's. sources: files to leave alone.
    candidates: write the keypoints that were found before people were made of them as well.
    units: of coordinates.
    """

    def __init__(
        self,
        folder: Path,
        skeleton: Skeleton | None = None,
        sources: Sequence[Path] = (),
        *,
        candidates: bool = False,
        units: Units = "px",
    ) -> None:
        check_folder(folder, "--json")
        if any(file.parent == folder.resolve() and file.suffix == ".json" for file in sources):
            raise OutputError(f"--json {folder} is the source's folder; choose another folder.")
        self._folder = folder
        self.written = str(folder)
        self._skeleton = skeleton
        self._candidates = candidates
        self._units = units

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, result: Result) -> None:
        """One file a view."""
        for view in filter(None, result.views):
            path = self._folder / f"{view.frame.name}_keypoints.json"
            peaks = view.evidence.peaks if self._candidates and view.evidence else None
            tracks = view.tracks
            if self._units != "px":
                size = view.frame.size
                xy = in_units(tracks.poses.xy, size, self._units)
                tracks = replace(tracks, poses=replace(tracks.poses, xy=xy))
                if peaks is not None:
                    peaks = peaks.copy()
                    peaks[:, 1:3] = in_units(peaks[:, 1:3], size, self._units)
            text = openpose_json(tracks, self._skeleton, peaks)
            write_whole(path, text.encode(), lasting=False)


def in_units(xy: Floats, size: tuple[int, int], units: Units) -> Floats:
    """(..., 2) pixels of a (width, height) picture as OpenPose's --keypoint_scale 3 (unit: 0 to 1)
    and 4 (signed: -1 to 1) have them, from the centre of the first pixel to that of the last.
    """
    share = xy / np.maximum(np.array(size, np.float32) - 1, 1)
    return np.asarray(share if units == "unit" else 2 * share - 1, np.float32)


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

    Hands and faces have arrays of their own, unless `skeleton` has them itself: whose keypoints to
    write as a body's in place of the tracks' own. candidates: (M, 4) keypoint
    type, x, y, score; become its `part_candidates`, a list for each keypoint of the model.
    """
    own = tracks.poses.skeleton
    pose = pose_skeleton(own, skeleton)
    apart = parts_apart(own, pose)
    fields = {"pose_keypoints": pose, **{ARRAYS[part]: apart.get(part) for part in ARRAYS}}
    columns = [_field(name, tracks.poses, one) for name, one in fields.items()]
    people = (
        f'{{"person_id":[{track}],{",".join(row)}{FIELDS_3D}}}'
        for track, *row in zip(tracks.id.tolist(), *columns, strict=True)
    )
    parts = ""
    if candidates is not None:
        lists = (
            f'"{n}":[{numbers(candidates[candidates[:, 0] == n, 1:])}]'
            for n in range(len(core(own).keypoints))
        )
        parts = f',"part_candidates":[{{{",".join(lists)}}}]'
    return f'{{"version":1.3,"people":[{",".join(people)}]{parts}}}'


def _field(name: str, poses: Poses, skeleton: Skeleton | None) -> list[str]:
    """An array of each person; empty without a skeleton."""
    if skeleton is None:
        return [f'"{name}_2d":[]'] * len(poses)
    triples = keypoint_triples(converted(poses, skeleton))
    return [f'"{name}_2d":[{numbers(one)}]' for one in triples]


def numbers(values: Floats) -> str:
    """The values with commas between, as C++ streams print them."""
    return ",".join(["%g"] * values.size) % tuple(values.ravel().tolist())
