"""Boxes with ids: MOTChallenge's gt.txt."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engines.types.arrays import Doubles
from posestream.scoring.measures.scenes import LabelledPicture, Labels

PERSON = 1  # class of MOT16 and later, in the eighth column; older files have -1
COLUMNS = 7  # frame, id, left, top, width, height, whether it counts (a score, of results)


def read_rows(path: Path) -> Doubles:
    """(N, 7 or more) numbers; ValueError where a line has fewer or no numbers."""
    rows = np.loadtxt(path, delimiter=",", ndmin=2)
    if rows.size and rows.shape[1] < COLUMNS:
        raise ValueError(f"its lines have {rows.shape[1]} numbers, MOTChallenge's at least 7")
    return rows.reshape(-1, max(rows.shape[-1], COLUMNS))


def parse(path: Path) -> Labels:
    """Frames count from 1; who does not count (a flag of 0, another class) is left out."""
    rows = read_rows(path)
    if not len(rows):
        raise ValueError("it labels nobody")
    rows = rows[rows[:, 6] != 0]
    if rows.shape[1] > COLUMNS:
        rows = rows[(rows[:, 7] == PERSON) | (rows[:, 7] < 0)]
    pictures = []
    for frame in range(1, int(rows[:, 0].max(initial=0)) + 1):
        some = rows[rows[:, 0] == frame]
        people = len(some)
        pictures.append(
            LabelledPicture(
                frame,
                f"{frame:06d}",
                np.zeros((people, 0, 2)),
                some[:, 2:6],
                some[:, 4] * some[:, 5],
                np.zeros(people, bool),
                np.full(people, np.nan),
                some[:, 1].astype(np.int64),
            )
        )
    return Labels("MOTChallenge", (), np.zeros(0), pictures, official=False)
