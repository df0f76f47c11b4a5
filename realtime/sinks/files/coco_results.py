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
from engines.types.skeleton_groups import Group
from realtime.settings.files import CocoVariant
from realtime.sinks.files.openpose_json_2d import numbers
from realtime.types.errors import OutputError
from realtime.types.frames import Frame
from realtime.types.results import Result, View
from realtime.writing.json_text import keypoint_triples
from realtime.writing.whole_files import begin_file, broken, check_file, check_kept

CLOSING_BRACKET = b"\n]\n"
WHOLE_BODY: dict[str, Group] = {
    "foot_kpts": "feet",
    "face_kpts": "face",
    "lefthand_kpts": "left_hand",
    "righthand_kpts": "right_hand",
}
HANDS: tuple[Group, ...] = ("left_hand", "right_hand")
# What the field "keypoints" holds, in COCO-WholeBody's order: COCO's 17 of the body, and groups.
VARIANTS: dict[CocoVariant, tuple[bool, tuple[Group, ...]]] = {
    "body": (True, ()),
    "foot": (False, ("feet",)),
    "face": (False, ("face",)),
    "hand": (False, HANDS),
    "wholebody": (True, ("feet", "face", *HANDS)),
}
ADDED_BY: dict[Group, str] = {"feet": "--feet", "face": "--face", **dict.fromkeys(HANDS, "--hands")}


class CocoSink:
    """Writes all people of all frames as one JSON array, which is whole after every frame; what was
    there before is replaced by the first one.

    A keypoint is x, y and 1, or 0, 0, 0 where it was not found, as in COCO's annotations (OpenPose
    writes -1, -1, 0). A person without any of the keypoints is left out. variant: of which part the
    file is; None = COCO's 17 keypoints, with the groups in COCO-WholeBody's own fields.
    """

    def __init__(
        self,
        path: Path,
        sources: list[Path],
        skeleton: Skeleton | None = None,
        variant: CocoVariant | None = None,
    ) -> None:
        check_file(path, "--coco", sources)
        if skeleton is not None:
            coco_fields(skeleton, variant)
        self._path = path
        self._variant = variant
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
        views = filter(None, result.views)
        lines = [line for view in views for line in coco_entries(view, self._variant)]
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


def coco_entries(view: View, variant: CocoVariant | None = None) -> list[str]:
    """A JSON object for each person with at least one of the keypoints."""
    poses = view.tracks.poses
    fields = coco_fields(poses.skeleton, variant)
    points = {name: _triples(poses, names) for name, names in fields.items()}
    return [
        f'{{"image_id":{image_id(view.frame)},"category_id":1,'
        + "".join(f'"{name}":[{numbers(some[person])}],' for name, some in points.items())
        + f'"score":{poses.person_score[person]:g}}}'
        for person in np.flatnonzero(points["keypoints"][..., 2].any(axis=1))
    ]


def coco_fields(skeleton: Skeleton, variant: CocoVariant | None) -> dict[str, tuple[str, ...]]:
    """The fields of an entry, and the names of their keypoints; OutputError where the model lacks
    those of the variant.
    """
    body, groups = VARIANTS[variant or "body"]
    if body:
        coco_order(skeleton)
    for group in groups:
        if {*_names(group)}.isdisjoint(skeleton.keypoints):
            raise OutputError(
                f"--coco-keypoints {variant} cannot be written: skeleton {skeleton.name} has no "
                f"{group.replace('_', ' ')}; add {ADDED_BY[group]}."
            )
    own = named_skeleton("coco17").keypoints if body else ()
    fields = {"keypoints": (*own, *(name for group in groups for name in _names(group)))}
    if variant is None:
        for field, group in WHOLE_BODY.items():
            if not {*_names(group)}.isdisjoint(skeleton.keypoints):
                fields[field] = _names(group)
    return fields


def _names(group: Group) -> tuple[str, ...]:
    """Of a group's keypoints in COCO-WholeBody (ECCV'20)."""
    whole = named_skeleton("coco133")
    return tuple(whole.keypoints[n] for n in whole.groups[group])


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
