"""How different views of a board are, and in words what they lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.board.detection import Sighting
from calibration.geometry.arrays import Doubles

# In a ninth of the picture from which on it counts as covered; one or two may be mistakes.
MIN_CELL_CORNERS = 4
# Degrees between the extreme tilts: 20 to each side, where Zhang (2000, section 5.1) finds 45 best.
MIN_TILT = 40.0
# Degrees of more tilt that are progress worth a view (a fifth of what is asked for).
TILT_STEP = 8.0
MIN_DEPTH_RATIO = 1.5  # farthest over nearest board (rule of thumb: half an arm's length at 1 m)
ROWS, COLUMNS = ("upper", "middle", "lower"), ("left", "middle", "right")


@dataclass(frozen=True, slots=True, eq=False)
class ViewDiversity:
    """covered: (3, 3) ninths of the picture where corners were seen, rows from the top. tilt: (2,)
    degrees by which the board leant left and right, up and down, from one side to the other.
    depth: the farthest board's distance over the nearest one's.
    """

    covered: NDArray[np.bool_]
    tilt: Doubles
    depth: float


def variety(
    seen: Sequence[Sighting], poses: Sequence[tuple[Doubles, Doubles]], size: tuple[int, int]
) -> ViewDiversity:
    """Of views with their boards' poses (3, 3), (3,) in pictures of that size."""
    counts = np.zeros((3, 3), int)
    for one in seen:
        cell = (3 * one.xy / np.array(size)).astype(int).clip(0, 2)
        np.add.at(counts, (cell[:, 1], cell[:, 0]), 1)
    if not poses:
        return ViewDiversity(counts >= MIN_CELL_CORNERS, np.zeros(2), 1.0)
    # The board's normal in the camera's frame: how far it leans right and down.
    normals = np.stack([rotation[:, 2] for rotation, _ in poses])
    lean = np.degrees(np.arctan2(normals[:, :2], normals[:, 2:]))
    far = np.array([translation[2] for _, translation in poses])
    return ViewDiversity(
        counts >= MIN_CELL_CORNERS, np.ptp(lean, axis=0), float(far.max() / far.min())
    )


def part(row: int, column: int) -> str:
    """What a ninth of the picture is called."""
    return f"{ROWS[row]} {COLUMNS[column]}".replace("middle middle", "middle")


def missing(of: ViewDiversity, most: int = 9) -> list[str]:
    """What to do about it; of the picture's parts at most so many by name."""
    words = []
    empty = [
        part(row, column)
        for row, line in enumerate(of.covered)
        for column, full in enumerate(line)
        if not full
    ]
    if empty:
        more = " …" if len(empty) > most else ""
        words.append(f"cover the {', '.join(empty[:most])}{more} of the picture")
    for axis, way in ((0, "left and right"), (1, "up and down")):
        if of.tilt[axis] < MIN_TILT:
            words.append(f"tilt the board more {way} (30 degrees each way)")
    if of.depth < MIN_DEPTH_RATIO:
        words.append("also hold the board nearer and farther")
    return words


def richer(new: ViewDiversity, old: ViewDiversity) -> bool:
    """Whether what was still missing has come a step nearer."""
    wider = (new.tilt > old.tilt + TILT_STEP) & (old.tilt < MIN_TILT)
    deeper = old.depth < MIN_DEPTH_RATIO and new.depth > old.depth * (1 + (MIN_DEPTH_RATIO - 1) / 5)
    return bool((new.covered & ~old.covered).any() or wider.any() or deeper)
