"""Boards in pictures: corners with their ids, and how sharp they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.board.target import DICTIONARIES, Board
from calibration.geometry.arrays import Doubles, Image

LEAST = 6  # corners: fewer pin a board's pose badly, and lie on a line often
UNEVEN = 0.25  # of the distance across two squares, by which these may differ
GLANCE = 960  # pixels of the longer side of pictures that are looked at quickly
MARKERS = 6  # that tell a ChArUco board's size
SQUARES = range(3, 15)  # of a ChArUco board, across
SCALES = 1.0, 0.5  # of pictures in which any chessboard is looked for


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
        if found is None or len(found[0]) < LEAST or _on_a_line(found[1]):
            return None
        ids, xy = found
        height, width = gray.shape
        return Sighting(ids, xy, (width, height), blur_of(gray, xy))

    def _marked(self, gray: Image) -> tuple[NDArray[np.int64], Doubles] | None:
        assert self._charuco is not None
        xy, ids, _, _ = self._charuco.detectBoard(gray)
        if ids is None or len(ids) == 0:
            return None
        flat = ids.ravel().astype(np.int64)
        order = np.argsort(flat)
        return flat[order], xy.reshape(-1, 2).astype(np.float64)[order]

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
            scale = min(1.0, GLANCE / max(gray.shape)) if self._quick else 1.0
            small = _resized(gray, scale)
            found, xy = cv2.findChessboardCorners(small, (across, down), flags=flags)
            if not found:
                return None
            xy = ((xy + 0.5) / scale - 0.5).astype(np.float32)
            near = np.linalg.norm(np.diff(xy.reshape(down, across, 2), axis=1), axis=-1).min()
            reach = int(np.clip(near / 4, 2, 11))
            stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-3)
            xy = cv2.cornerSubPix(gray, xy, (reach, reach), (-1, -1), stop)
        flat = xy.reshape(-1, 2).astype(np.float64)
        if not _regular(flat, across) or not _saddles(gray, flat, across):
            return None
        if _goes_on(gray, flat, across):
            return None
        if not self.board.ambiguous and _first_square(gray, flat, across) > 0:
            flat = flat[::-1].copy()
        return np.arange(across * down), flat


def _resized(gray: Image, scale: float) -> Image:
    if scale >= 1:
        return gray
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _first_square(gray: Image, xy: Doubles, across: int) -> float:
    """How much brighter the square beside the first corner is than its neighbours: the outer
    corner of the squares is black by definition, and so is its neighbour on the diagonal.
    """
    grid = xy.reshape(-1, across, 2)
    centres = (grid[:-1, :-1] + grid[1:, :-1] + grid[:-1, 1:] + grid[1:, 1:]) / 4
    values = _at(gray, centres)
    even = np.indices(values.shape).sum(0) % 2 == 0
    return float(values[even].mean() - values[~even].mean())


def _regular(xy: Doubles, across: int) -> bool:
    """Whether distances between neighbours change little by little: a grid that is too small is
    found on a larger board with rows left out.
    """
    grid = xy.reshape(-1, across, 2)
    for lines in (grid, grid.transpose(1, 0, 2)):
        bend = np.linalg.norm(np.diff(lines, 2, axis=1), axis=-1)
        reach = np.linalg.norm(lines[:, 2:] - lines[:, :-2], axis=-1)
        if (bend > UNEVEN * reach).any():
            return False
    return True


def _saddles(gray: Image, xy: Doubles, across: int) -> bool:
    """Whether black and white meet crosswise at the corners: a grid that is too large is found
    with the outer edge of the board for a row of corners.
    """
    grid = xy.reshape(-1, across, 2)
    right, down = (0.3 * np.asarray(np.gradient(grid, axis=axis)) for axis in (1, 0))
    low, high = np.percentile(_around(gray, grid, right, down), (10, 90))
    apart = _crosswise(gray, grid, right, down, 0.2 * (high - low))
    edges = (apart[0], apart[-1], apart[:, 0], apart[:, -1])
    return bool(apart.mean() > 0.8 and min(edge.mean() for edge in edges) > 0.5)


def _goes_on(gray: Image, xy: Doubles, across: int) -> bool:
    """Whether there are corners beyond the grid: it is a part of a larger board then."""
    grid = xy.reshape(-1, across, 2)
    right, down = (0.3 * np.asarray(np.gradient(grid, axis=axis)) for axis in (1, 0))
    low, high = np.percentile(_around(gray, grid, right, down), (10, 90))
    turned, aside = grid.transpose(1, 0, 2), right.transpose(1, 0, 2)
    for lines, out in (
        (grid, down),
        (grid[::-1], down[::-1]),
        (turned, aside),
        (turned[::-1], aside[::-1]),
    ):
        beyond = 2 * lines[0] - lines[1]
        along = 0.3 * np.asarray(np.gradient(beyond, axis=0))
        if _crosswise(gray, beyond, along, out[0], 0.2 * (high - low)).mean() > 0.8:
            return True
    return False


def _around(gray: Image, at: Doubles, right: Doubles, down: Doubles) -> Doubles:
    """(4, ...) the picture on both diagonals of corners: two opposite each other first."""
    steps = ((1, 1), (-1, -1), (1, -1), (-1, 1))
    return np.stack([_at(gray, at + x * right + y * down) for x, y in steps])


def _crosswise(
    gray: Image, at: Doubles, right: Doubles, down: Doubles, least: float
) -> NDArray[np.bool_]:
    """Where black and white meet crosswise, by so much at least."""
    around = _around(gray, at, right, down)
    one, other = around[:2], around[2:]
    apart = np.maximum(one.min(0) - other.max(0), other.min(0) - one.max(0))
    return np.asarray(apart > least)


def _at(gray: Image, xy: Doubles) -> Doubles:
    """The picture's values at the nearest pixels."""
    x, y = np.moveaxis(xy.round().astype(int), -1, 0)
    height, width = gray.shape
    return np.asarray(gray[y.clip(0, height - 1), x.clip(0, width - 1)], np.float64)


def _on_a_line(xy: Doubles) -> bool:
    spread = np.linalg.svd(xy - xy.mean(0), compute_uv=False)
    return bool(spread[1] < 0.02 * spread[0])


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


def better_board(board: Board, pictures: list[Image]) -> str | None:
    """What fits pictures in which `board` was not found: a sentence, None where nothing does."""
    size = _marked_size(board, pictures) if board.kind == "charuco" else None
    if size is not None:
        return f"{size[0]}x{size[1]} squares fit (columns and rows count squares)"
    for other, what in _others(board, pictures):
        finder = Finder(other)
        if any(finder.find(gray) is not None for gray in pictures):
            return what
    if board.kind == "charuco":
        finder = Finder(board)
        if any(finder.find(np.ascontiguousarray(gray[:, ::-1])) for gray in pictures):
            return "the pictures are mirrored, say --flip"
    return None


def _marked_size(board: Board, pictures: list[Image]) -> tuple[int, int] | None:
    """Columns and rows of a ChArUco board of another size, whose markers lie as they do in the
    pictures; None where there are too few, or they lie as on this one.
    """
    detector = cv2.aruco.ArucoDetector(board.markers)
    fits: dict[tuple[int, int], int] = {}
    for gray in pictures:
        seen = 255 - gray if board.inverted else gray
        corners, found, _ = detector.detectMarkers(seen)
        if found is None or len(found) < MARKERS:
            continue
        ids, xy = found.ravel(), np.concatenate(corners).mean(1)
        for columns in SQUARES:
            wide = replace(board, columns=columns, rows=2 * (int(ids.max()) // columns + 2))
            middles = np.array(wide.charuco().getObjPoints()).mean(1)[:, :2]
            found_by, inside = cv2.findHomography(middles[ids], xy, cv2.RANSAC, 6.0)
            if found_by is None or inside.sum() < max(MARKERS, 0.9 * len(ids)):
                continue
            rows = next(
                rows for rows in range(3, wide.rows + 1) if columns * rows // 2 > int(ids.max())
            )
            fits[columns, rows] = fits.get((columns, rows), 0) + int(inside.sum())
    if not fits:
        return None
    columns = max(fits, key=lambda size: fits[size])[0]
    rows = max(size[1] for size in fits if size[0] == columns)
    return None if columns == board.columns else (columns, rows)


def _grids(board: Board, pictures: list[Image]) -> list[tuple[int, int]]:
    """Columns and rows of other chessboards that may be in the pictures, the largest first."""
    found = set()
    for gray in pictures:
        seen = 255 - gray if board.inverted else gray
        for scale in SCALES:
            small = cv2.resize(seen, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            # From any nine corners it goes on as far as the board does.
            flags = cv2.CALIB_CB_LARGER
            there, _, meta = cv2.findChessboardCornersSBWithMeta(small, (3, 3), flags)
            if there:
                found.add((max(meta.shape[:2]), min(meta.shape[:2])))
    found.discard((max(board.columns, board.rows), min(board.columns, board.rows)))
    return sorted(found, key=lambda grid: (-grid[0] * grid[1], grid))


def _others(board: Board, pictures: list[Image]) -> Iterator[tuple[Board, str]]:
    """Boards that are easily mistaken for this one, the likeliest first."""
    turned = "without --inverted" if board.inverted else "with --inverted"
    yield replace(board, inverted=not board.inverted), f"it is found {turned}"
    if board.kind == "chessboard":
        for across, down in _grids(board, pictures):
            yield (
                replace(board, columns=across, rows=down),
                f"{across}x{down} inner corners fit (columns and rows count corners "
                "between squares, not squares)",
            )
        return
    other = "without --legacy" if board.legacy else "with --legacy"
    yield replace(board, legacy=not board.legacy), f"it is found {other}"
    needed = board.columns * board.rows // 2
    for name in DICTIONARIES:
        known = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, name))
        if name != board.dictionary and len(known.bytesList) >= needed:
            yield replace(board, dictionary=name), f"its markers are of --dictionary {name}"
