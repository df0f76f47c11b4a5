"""Boards in the pictures of a source."""

from __future__ import annotations

import sys
from collections.abc import Callable

import cv2
import numpy as np

from calibration.board import Board
from calibration.detect import Finder, Gray, Sighting, better_board
from calibration.errors import BoardError
from realtime.config import SourceSettings
from realtime.sources import open_source

KEPT = 6  # pictures to try other boards on, where this one is not seen
SMALL = 1280  # pixels of their longer side


def sightings(
    settings: SourceSettings, board: Board, wanted: Callable[[int], bool] = lambda _: True
) -> tuple[str, dict[int, Sighting]]:
    """The source's name, and by frame index what was found; BoardError where nothing was."""
    finder = Finder(board)
    found: dict[int, Sighting] = {}
    kept: list[Gray] = []
    count = 0
    with open_source(settings) as source:
        for frame in source:
            if not wanted(frame.index):
                continue
            gray = np.asarray(cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY), np.uint8)
            count += 1
            seen = finder.find(gray)
            if seen is not None:
                found[frame.index] = seen
            elif not found and (count & (count - 1)) == 0 and len(kept) < KEPT:
                kept.append(_small(gray))  # the 1st, 2nd, 4th, 8th …
        for note in source.notes:
            sys.stderr.write(f"posestream: {note}\n")
    if not found:
        fits = better_board(board, kept)
        hint = f": {fits}" if fits else "; look at the pictures: is it whole, sharp and lit?"
        raise BoardError(f"{source.name}: no {board} in {count} pictures{hint}.")
    return source.name, found


def _small(gray: Gray) -> Gray:
    scale = SMALL / max(gray.shape)
    if scale >= 1:
        return gray
    return np.asarray(
        cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
