"""Boards in the pictures of a source."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from calibration.board.detection import Finder, Sighting
from calibration.board.other_boards import better_board
from calibration.board.target import Board
from calibration.geometry.errors import BoardError
from engines.console.status_line import working
from engines.types.arrays import Image
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.sources.images import ImageSource

MAX_SAMPLE_PICTURES = 6  # pictures to try other boards on, where this one is not seen
SAMPLE_PX = 1280  # pixels of their longer side


class BoardSearch:
    """Looks for a board in picture after picture. seen: whether it was found in any. quick: see
    `Finder`.
    """

    def __init__(self, board: Board, *, quick: bool = False) -> None:
        self.count = 0
        self.seen = False
        self._finder = Finder(board, quick=quick)
        self._kept: list[Image] = []

    def find(self, image: Image) -> Sighting | None:
        """The board in a BGR picture."""
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        self.count += 1
        sight = self._finder.find(gray)
        if sight is not None:
            self.seen = True
        elif (
            not self.seen
            and (self.count & (self.count - 1)) == 0
            and len(self._kept) < MAX_SAMPLE_PICTURES
        ):
            self._kept.append(_small(gray))  # the 1st, 2nd, 4th, 8th …
        return sight

    def nothing(self, name: str) -> BoardError:
        """Why there is none in any picture of that source, as far as can be told."""
        with working(f"looking for another board: {name}"):
            fits = better_board(self._finder.board, self._kept)
        hint = f": {fits}." if fits else "; check that it is fully visible, sharp and well lit"
        return BoardError(f"{name}: no {self._finder.board} found in {self.count} pictures{hint}")


@dataclass(frozen=True, slots=True, eq=False)
class BoardFootage:
    """What a source shows. seen: by frame index. times: of all frames that were looked at, seconds
    on the source's own clock. photos: how many there are, where it is no video.
    """

    name: str
    seen: dict[int, Sighting]
    times: dict[int, float]
    photos: int | None = None

    @property
    def rate(self) -> float | None:
        """Frames a second, where there are enough to tell."""
        gaps = np.diff(list(self.times.values())) / np.maximum(np.diff(list(self.times)), 1)
        usual = float(np.median(gaps)) if len(gaps) else 0.0
        return 1 / usual if usual > 0 else None


def film(
    settings: SourceSettings, board: Board, wanted: Callable[[int], bool] = lambda _: True
) -> BoardFootage:
    """The board in the wanted frames of a source; BoardError where it is in none."""
    search = BoardSearch(board)
    seen: dict[int, Sighting] = {}
    times: dict[int, float] = {}
    with open_source(settings) as source:
        with working(f"looking for the board: {source.name}") as tell:
            for frame in source:
                if not wanted(frame.index):
                    continue
                times[frame.index] = frame.time
                if (sight := search.find(frame.image)) is not None:
                    seen[frame.index] = sight
                tell(f"looking for the board: {source.name}, in {len(seen)} of {len(times)} frames")
        for note in source.notes:
            sys.stderr.write(f"posestream: {note}\n")
    if not seen:
        raise search.nothing(source.name)
    photos = source.total if isinstance(source, ImageSource) else None
    return BoardFootage(source.name, seen, times, photos)


def sightings(
    settings: SourceSettings, board: Board, wanted: Callable[[int], bool] = lambda _: True
) -> tuple[str, dict[int, Sighting]]:
    """The source's name, and by frame index what was found; BoardError where nothing was."""
    found = film(settings, board, wanted)
    return found.name, found.seen


def _small(gray: Image) -> Image:
    scale = SAMPLE_PX / max(gray.shape)
    if scale >= 1:
        return gray
    return np.asarray(
        cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
