"""COCO keypoint results: one file that COCO's own evaluation reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Self

import numpy as np

from calibration.disk.replace import write_all
from engines.types.arrays import Floats
from engines.types.errors import CardError
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton, named_skeleton
from engines.types.skeleton_conversion import origins_of
from realtime.sinks.files.openpose_json_2d import numbers
from realtime.types.errors import OutputError
from realtime.types.frames import Frame
from realtime.types.results import Result, View
from realtime.writing.json_text import keypoint_triples
from realtime.writing.whole_files import begin_file, broken, check_file, check_kept

CLOSING_BRACKET = b"\n]\n"
WHOLE_BODY = {
    "foot_kpts": "feet",
    "face_kpts": "face",
    "lefthand_kpts": "left_hand",
    "righthand_kpts": "right_hand",
}


class CocoSink:
    """Writes all people of all frames as one JSON array, which is whole after every frame; what was
    there before is replaced by the first one.

    A keypoint is x, y and 1, or 0, 0, 0 where it was not found, as in COCO's annotations (OpenPose
    writes -1, -1, 0). A person without any of COCO's keypoints is left out.
    """

    def __init__(self, path: Path, sources: list[Path], skeleton: Skeleton | None = None) -> None:
        check_file(path, "--coco", sources)
        if skeleton is not None:
            coco_order(skeleton)
        self._path = path
        self.written = str(path)
        self._file: FileIO | None = None
        self._end = 1  # where the entries end and CLOSING_BRACKET begins
        self._between = b"\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._file is None and kind is None:  # a run without any frame
            self._append(b"")
        if self._file is not None:
            with self._file:
                if kind is None or not issubclass(kind, OutputError):
                    check_kept(self._path, self._file.fileno())

    def write(self, result: Result) -> None:
        """Append the people of all views."""
        lines = [line for view in result.views if view for line in coco_entries(view)]
        if lines:
            self._append(self._between + b",\n".join(line.encode() for line in lines))
            self._between = b",\n"
        elif self._file is None:
            self._append(b"")

    def _append(self, data: bytes) -> None:
        """Put data before CLOSING_BRACKET. Where that fails the file is again what it was."""
        if self._file is None:
            self._file = begin_file(self._path, b"[" + data + CLOSING_BRACKET)
            self._end += len(data)
            return
        check_kept(self._path, self._file.fileno())
        self._file.seek(self._end)
        try:
            write_all(self._file.fileno(), data + CLOSING_BRACKET)
        except OSError as error:
            # The bytes of CLOSING_BRACKET are the file's already: a full disk does not refuse them.
            with suppress(OSError):
                self._file.truncate(self._end + len(CLOSING_BRACKET))
                self._file.seek(self._end)
                write_all(self._file.fileno(), CLOSING_BRACKET)
            raise broken(self._path, error) from error
        self._end += len(data)


def coco_entries(view: View) -> list[str]:
    """A JSON object for each person with at least one of COCO's keypoints.

    People with hands, face or feet have these too, in the fields of COCO-WholeBody (ECCV'20).
    """
    poses = view.tracks.poses
    found = poses.found[:, coco_order(poses.skeleton)]
    fields = {"keypoints": named_skeleton("coco17").keypoints}
    whole = named_skeleton("coco133")
    for name, group in WHOLE_BODY.items():
        names = tuple(whole.keypoints[n] for n in whole.groups[group])
        if not {*names}.isdisjoint(poses.skeleton.keypoints):
            fields[name] = names
    points = {name: _triples(poses, names) for name, names in fields.items()}
    return [
        f'{{"image_id":{image_id(view.frame)},"category_id":1,'
        + "".join(f'"{name}":[{numbers(some[person])}],' for name, some in points.items())
        + f'"score":{poses.person_score[person]:g}}}'
        for person in np.flatnonzero(found.any(axis=1))
    ]


def _triples(poses: Poses, names: Sequence[str]) -> Floats:
    """(P, K, 3) x, y and 1 of the keypoints of these names."""
    all_of_them = keypoint_triples(poses)
    out = np.zeros((len(poses), len(names), 3), np.float32)
    for n, name in enumerate(names):
        for at in origins_of(name, poses.skeleton)[:1]:
            out[:, n] = all_of_them[:, at]
            out[:, n, 2] = poses.found[:, at]
    return out


def coco_order(skeleton: Skeleton) -> tuple[int, ...]:
    """For each of COCO's 17 keypoints its index; OutputError where the model lacks one."""
    try:
        return skeleton.order_in(named_skeleton("coco17"))
    except CardError as error:
        raise OutputError(f"--coco cannot be written: {error}") from error


def image_id(frame: Frame) -> int:
    """The last number in the frame's name, as COCO's pictures are named; else its index."""
    found = re.findall(r"\d+", frame.name)
    return int(found[-1]) if found else frame.index
