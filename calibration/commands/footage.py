"""Boards in the pictures of a source."""

from __future__ import annotations

import sys
from collections.abc import Callable

import cv2
import numpy as np

from calibration.board import Board
from calibration.detect import Finder, Gray, Sighting, better_board
from calibration.errors import BoardError
from engines.poses import Image
from realtime.config import SourceSettings
from realtime.sources import open_source

KEPT = 6  # pictures to try other boards on, where this one is not seen
SMALL = 1280  # pixels of their longer side


class Search:
    """Looks for a board in picture after picture. seen: whether it was found in any."""

    def __init__(self, board: Board) -> None:
        self.count = 0
        self.seen = False
        self._finder = Finder(board)
        self._kept: list[Gray] = []

    def find(self, image: Image) -> Sighting | None:
        """The board in a BGR picture."""
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        self.count += 1
        sight = self._finder.find(gray)
        if sight is not None:
            self.seen = True
        elif not self.seen and (self.count & (self.count - 1)) == 0 and len(self._kept) < KEPT:
            self._kept.append(_small(gray))  # the 1st, 2nd, 4th, 8th …
        return sight

    def nothing(self, name: str) -> BoardError:
        """Why there is none in any picture of that source, as far as can be told."""
        fits = better_board(self._finder.board, self._kept)
        hint = f": {fits}" if fits else "; look at the pictures: is it whole, sharp and lit?"
        return BoardError(f"{name}: no {self._finder.board} in {self.count} pictures{hint}.")


def sightings(
    settings: SourceSettings, board: Board, wanted: Callable[[int], bool] = lambda _: True
) -> tuple[str, dict[int, Sighting]]:
    """The source's name, and by frame index what was found; BoardError where nothing was."""
    search = Search(board)
    found: dict[int, Sighting] = {}
    with open_source(settings) as source:
        for frame in source:
            if wanted(frame.index) and (sight := search.find(frame.image)) is not None:
                found[frame.index] = sight
        for note in source.notes:
            sys.stderr.write(f"posestream: {note}\n")
    if not found:
        raise search.nothing(source.name)
    return source.name, found


def _small(gray: Gray) -> Gray:
    scale = SMALL / max(gray.shape)
    if scale >= 1:
        return gray
    return np.asarray(
        cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
