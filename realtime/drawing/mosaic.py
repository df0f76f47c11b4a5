"""All views in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np

from realtime.drawing.captions import write_caption
from realtime.drawing.overlay import Overlay, Picture
from realtime.drawing.reprojection import Reprojection
from realtime.drawing.scaling import centred, fitting_scale, resized
from realtime.types.results import Result
from realtime.types.view_mode import Shown

MAX_SIZE = (1920, 1080)  # of the whole picture: Full HD
LINE_PX, LINE_GREY = 2, 110  # between two views


class Mosaic(Overlay):
    """Draws all views of a result into a grid, the sources row by row; it is one view to others.

    Every cell has the shape of the first picture; a camera that is out leaves its cell black.
    """

    def __init__(
        self,
        sources: Sequence[str],
        shown: Shown | None = None,
        *,
        bodies: Reprojection | None = None,
        angles: bool = False,
        events: bool = False,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(shown, bodies=bodies, angles=angles, events=events, size=size)
        self._sources = sources
        self._cell: tuple[int, int] | None = None
        self._columns = 1

    def _draw(self, result: Result) -> list[Picture]:
        """The one picture, none where all cameras are out."""
        views = [view for view in result.views if view]
        if not views:
            return []
        first = views[0]
        if self._cell is None:
            self._columns, self._cell = grid(len(self._sources), first.frame.size)
        wide, high = self._cell
        rows = ceil(len(self._sources) / self._columns)
        canvas = np.zeros((rows * high, self._columns * wide, 3), np.uint8)
        for number, view in enumerate(result.views):
            row, column = divmod(number, self._columns)
            cell = canvas[row * high : (row + 1) * high, column * wide : (column + 1) * wide]
            name = self._sources[number]
            if view is None:
                cell[...] = write_caption(cell, f"{name}: no picture")
                continue
            scale = min(1.0, fitting_scale(view.frame.size, (wide, high)))
            picture = write_caption(self._drawn(result, number, view, scale), name)
            cell[...] = centred(picture, (wide, high))
        # Dark pictures, and cells without one, would run into each other.
        for row in range(1, rows):
            canvas[row * high : row * high + LINE_PX] = LINE_GREY
        for column in range(1, self._columns):
            canvas[:, column * wide : column * wide + LINE_PX] = LINE_GREY
        if self._size is not None:
            scale = fitting_scale((canvas.shape[1], canvas.shape[0]), self._size)
            canvas = centred(resized(canvas, scale), self._size)
        canvas.flags.writeable = False
        name = f"mosaic_{first.frame.index:012d}"
        return [Picture("mosaic", name, first.frame.time, canvas, first.maps is not None)]


def grid(count: int, size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    """How many columns, and the (width, height) of a cell, show the pictures largest."""

    def scale(columns: int) -> float:
        rows = ceil(count / columns)
        return min(1.0, MAX_SIZE[0] / (columns * size[0]), MAX_SIZE[1] / (rows * size[1]))

    columns = max(range(1, count + 1), key=lambda n: (scale(n), -n * ceil(count / n), n))
    wide, high = (max(1, int(side * scale(columns))) for side in size)
    return columns, (wide, high)
