"""3D people as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from engines.types.skeleton import Skeleton
from realtime.sinks.files.jsonl_csv_udp import LineFile, angle_cells, text_rows, with_movements
from realtime.types.joint_angles import joint_angles, joints
from realtime.types.movement import Movement
from realtime.types.results import Poses3D, Result
from realtime.writing.movement_text import COLUMNS as MOVEMENT_COLUMNS


class Csv3DSink:
    """Writes a row for each 3D person at each instant: instant, time, id, keypoints.

    Instants count from 0; time is seconds, see Frame. Six columns a keypoint:
    `<name>_x`, `_y`, `_z` (metres), `_error` (pixels), `_views` and `_filled` (1 = carried, not
    seen), all but the last two empty where it is not known. angles: then
    `<joint>_angle` (degrees in space, 180 = straight). events: then what the person does, see
    `movement_text.COLUMNS`.
    """

    def __init__(
        self,
        path: Path,
        sources: list[Path],
        skeleton: Skeleton,
        *,
        angles: bool = False,
        events: bool = False,
    ) -> None:
        self._file = LineFile(path, "--csv", sources)
        self.written = str(path)
        what = ("x", "y", "z", "error", "views", "filled")
        names = [f"{name}_{one}" for name in skeleton.keypoints for one in what]
        self._angles, self._events = angles, events
        if angles:
            names += [f"{name}_angle" for name in joints(skeleton)]
        if events:
            names += MOVEMENT_COLUMNS
        self._head = ["instant", "time", "id", *names]
        self._count = 0

    def __enter__(self) -> Self:
        self._file.open(text_rows([self._head]))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close(kind)

    def write(self, result: Result) -> None:
        """The rows of an instant."""
        if result.poses3d is None:
            return
        moment = [self._count, repr(round(result.time, 6))]
        known = result.movements3d if self._events else None
        rows = [[*moment, *cells] for cells in _people(result.poses3d, self._angles, known)]
        self._file.append(text_rows(rows))
        self._count += 1


def csv3d_path(path: Path) -> Path:
    """Where the 3D people go beside the table of a --csv: `poses_3d.csv`."""
    return path.with_name(f"{path.stem}_3d{path.suffix}")


def _people(
    poses: Poses3D, angles: bool, movements: Mapping[int, Movement] | None
) -> list[Sequence[object]]:
    measured = np.concatenate([poses.xyz, poses.error[..., None]], axis=-1)
    texts = np.where(np.isnan(measured), "", np.char.mod("%.6g", measured))
    counts = np.stack([poses.views, poses.filled.astype(np.int64)], axis=-1).astype(str)
    cells = np.concatenate([texts, counts], axis=-1)
    more = angle_cells(joint_angles(poses)) if angles else [[]] * len(poses)
    if movements is not None:
        more = with_movements(more, poses.id, movements)
    return [[poses.id[n], *cells[n].ravel(), *more[n]] for n in range(len(poses))]
