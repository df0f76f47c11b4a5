"""Boards that several cameras saw, as a table: a live calibration can go on from them, or be solved
again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from calibration.board.detection import Sighting
from calibration.board.target import Board
from calibration.disk.replace import replace_file
from calibration.files.atomic import read_text
from calibration.geometry.errors import BoardError, CalibrationError

COLUMNS = ["instant", "camera", "width", "height", "blur", "corner", "x", "y"]


def write_boards(path: Path, names: Sequence[str], taken: Sequence[Mapping[int, Sighting]]) -> None:
    """A row for each corner, in place of the whole file; CalibrationError where it cannot be."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for instant, sights in enumerate(taken):
        for n, one in sights.items():
            for corner, (x, y) in zip(one.ids.tolist(), one.xy.tolist(), strict=True):
                row = [instant, names[n], *one.size, f"{one.blur:.3f}", corner]
                table.writerow([*row, f"{x:.4f}", f"{y:.4f}"])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, out.getvalue().encode())
    except OSError as error:
        raise CalibrationError(f"{path} cannot be written: {error.strerror}.") from error


def read_boards(path: Path, names: Sequence[str], board: Board) -> list[dict[int, Sighting]]:
    """What `write_boards` wrote, by camera; CalibrationError where it does not fit these cameras,
    BoardError where not this board.
    """
    if not path.exists():
        raise CalibrationError(f"There is no boards file {path}.")
    parts: dict[int, dict[int, list[list[float]]]] = {}
    rows = csv.DictReader(read_text(path).splitlines())
    if rows.fieldnames != COLUMNS:
        raise CalibrationError(f"{path.name} is not a table with the columns {', '.join(COLUMNS)}.")
    for row in rows:
        if row["camera"] not in names:
            raise CalibrationError(
                f"{path.name} has a camera {row['camera']}, but the cameras of --intrinsics are "
                f"{', '.join(names)}."
            )
        try:
            instant = int(row["instant"])
            numbers = [float(row[key]) for key in COLUMNS[2:]]
        except (TypeError, ValueError) as error:
            raise CalibrationError(f"{path.name} is damaged at line {rows.line_num}.") from error
        if not np.isfinite(numbers).all() or instant < 0:
            raise CalibrationError(f"{path.name} is damaged at line {rows.line_num}.")
        if not 0 <= numbers[3] < len(board.points):
            raise BoardError(
                f"{path.name} has corners that a {board} does not have; check "
                "that it is the same board."
            )
        own = parts.setdefault(instant, {}).setdefault(list(names).index(row["camera"]), [])
        own.append(numbers)
    return [
        {n: _sighting(np.array(some)) for n, some in parts[instant].items()}
        for instant in sorted(parts)
    ]


def _sighting(rows: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Sighting:
    rows = rows[np.unique(rows[:, 3], return_index=True)[1]]
    size = int(rows[0, 0]), int(rows[0, 1])
    return Sighting(rows[:, 3].astype(np.int64), rows[:, 4:], size, float(rows[0, 2]))
