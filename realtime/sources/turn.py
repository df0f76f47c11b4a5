"""Pictures turned and mirrored by quarter turns: what a video's file asks for, and the user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.poses import Image
from realtime.frames import Frame, Source, Stoppable

Matrix = NDArray[np.int64]


def matrix_of(flip: bool, rotate: int) -> Matrix:
    """(2, 2) of a mirroring left to right and then a clockwise turn of so many degrees."""
    mirror = np.array([[-1 if flip else 1, 0], [0, 1]])
    clockwise = np.array([[0, 1], [-1, 0]])
    turned: Matrix = mirror @ np.linalg.matrix_power(clockwise, round(rotate / 90) % 4)
    return turned


def turn(image: Image, matrix: Matrix) -> Image:
    """The picture with the pixel of (x, y) at (x, y) @ matrix, moved so that it begins at 0.

    matrix: (2, 2) any scale; anything but quarter turns is taken for the nearest. A picture that
    stays as it is is given back itself.
    """
    (xx, xy), (yx, yy) = matrix
    if abs(xy) + abs(yx) > abs(xx) + abs(yy):
        image, xx, yy = np.asarray(cv2.transpose(image), np.uint8), yx, xy
    if xx < 0 or yy < 0:
        image = np.asarray(cv2.flip(image, -1 if xx < 0 and yy < 0 else int(xx < 0)), np.uint8)
    return image


class Turned:
    """A source with every picture mirrored or turned: --flip and --rotate, for all sources."""

    def __init__(self, source: Source, matrix: Matrix) -> None:
        self._source = source
        self._matrix = matrix
        self._describe()

    def _describe(self) -> None:
        self.name = self._source.name
        self.live = self._source.live
        self.total = self._source.total
        self.rate = self._source.rate
        self.notes: Sequence[str] = self._source.notes

    def __enter__(self) -> Self:
        self._source.__enter__()
        self._describe()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._source.__exit__(kind, error, trace)

    def stop(self) -> None:
        """End the iteration soon, where the source can be told to."""
        if isinstance(self._source, Stoppable):
            self._source.stop()

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._source:
            yield replace(frame, image=turn(frame.image, self._matrix))
