"""Boards in pictures: corners with their ids, and how sharp they are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board.grid_checks import first_square, goes_on, regular, saddles
from calibration.board.target import Board
from calibration.geometry.arrays import Doubles, Image

# A pose has 6 unknowns, so that 3 corners would do; with 6 the residuals tell a mistake.
MIN_CORNERS = 6
# Longer side that live pictures are scaled to for the search; corners are refined in full size.
QUICK_PX = 960


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A board in one picture.

    ids: (N,) of the corners, rising. xy: (N, 2) pixels. size: (width, height) of the picture.
    blur: width of an edge in pixels, about 2 where it is sharp.
    """

    ids: NDArray[np.int64]
    xy: Doubles
    size: tuple[int, int]
    blur: float

    def __len__(self) -> int:
        return len(self.ids)


class Finder:
    """Finds one board; not for several threads at once.

    quick: for live cameras. The best detector of chessboards takes seconds for a picture of two
    megapixels, whether there is one or not.
    """

    def __init__(self, board: Board, *, quick: bool = False) -> None:
        self.board = board
        self._quick = quick
        self._charuco = (
            cv2.aruco.CharucoDetector(board.charuco()) if board.kind == "charuco" else None
        )

    def find(self, gray: Image) -> Sighting | None:
        """The board in a picture of one channel; None where too little of it is seen."""
        seen: Image = 255 - gray if self.board.inverted else gray
        found = self._squares(seen) if self._charuco is None else self._marked(seen)
        if found is None or len(found[0]) < MIN_CORNERS or _on_a_line(found[1]):
            return None
        ids, xy = found
        height, width = gray.shape
        return Sighting(ids, xy, (width, height), blur_of(gray, xy))

    def _marked(self, gray: Image) -> tuple[NDArray[np.int64], Doubles] | None:
        assert self._charuco is not None
        xy, ids, _, _ = self._charuco.detectBoard(gray)
        if ids is None or len(ids) == 0:
            return None
        corners = ids.ravel().astype(np.int64)
        order = np.argsort(corners)
        return corners[order], xy.reshape(-1, 2).astype(np.float64)[order]

    def _squares(self, gray: Image) -> tuple[NDArray[np.int64], Doubles] | None:
        across, down = self.board.grid
        found = False
        if not self._quick:
            found, xy = cv2.findChessboardCornersSB(
                gray, (across, down), flags=cv2.CALIB_CB_ACCURACY
            )
        if not found:
            # The older detector forgives a border that the picture cuts or a hand covers.
            flags = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE
            flags |= cv2.CALIB_CB_FAST_CHECK
            scale = min(1.0, QUICK_PX / max(gray.shape)) if self._quick else 1.0
            small = _resized(gray, scale)
            found, xy = cv2.findChessboardCorners(small, (across, down), flags=flags)
            if not found:
                return None
            xy = ((xy + 0.5) / scale - 0.5).astype(np.float32)
            near = np.linalg.norm(np.diff(xy.reshape(down, across, 2), axis=1), axis=-1).min()
            reach = int(np.clip(near / 4, 2, 11))
            stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-3)
            xy = cv2.cornerSubPix(gray, xy, (reach, reach), (-1, -1), stop)
        corners = xy.reshape(-1, 2).astype(np.float64)
        if not regular(corners, across) or not saddles(gray, corners, across):
            return None
        if goes_on(gray, corners, across):
            return None
        if not self.board.ambiguous and first_square(gray, corners, across) > 0:
            corners = corners[::-1].copy()
        return np.arange(across * down), corners


def _resized(gray: Image, scale: float) -> Image:
    if scale >= 1:
        return gray
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _on_a_line(xy: Doubles) -> bool:
    extent = np.linalg.svd(xy - xy.mean(0), compute_uv=False)
    return bool(extent[1] < 0.02 * extent[0])


def blur_of(gray: Image, xy: Doubles) -> float:
    """Median width of the edges at the corners, pixels: contrast over the steepest slope."""
    near = [np.sort(np.linalg.norm(xy - one, axis=1))[1] for one in xy]
    reach = int(np.clip(np.median(near) / 3, 3, 20))
    widths = []
    for x, y in xy.round().astype(int):
        patch = gray[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
        if min(patch.shape) < 3:
            continue
        across, down = (cv2.Sobel(patch, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
        low, high = np.percentile(patch, (5, 95))
        widths.append((high - low) / max(float(np.percentile(np.hypot(across, down), 98)), 0.1))
    return float(np.median(widths)) if widths else float("inf")
