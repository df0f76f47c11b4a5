"""Which other board would fit pictures in which none was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from calibration.board.detection import Finder
from calibration.board.target import DICTIONARIES, Board
from calibration.geometry.arrays import Image

MIN_MARKERS = 6  # a homography needs one marker, and chance may fit two
SQUARE_COUNTS = range(3, 15)  # across a ChArUco board: all that people print
SEARCH_SCALES = 1.0, 0.5  # large squares are found better in the small picture


def better_board(board: Board, pictures: list[Image]) -> str | None:
    """What fits pictures in which `board` was not found: a sentence, None where nothing does."""
    size = _marked_size(board, pictures) if board.kind == "charuco" else None
    if size is not None:
        return f"{size[0]}x{size[1]} squares fit (for ChArUco, columns and rows count squares)"
    for other, what in _others(board, pictures):
        finder = Finder(other)
        if any(finder.find(gray) is not None for gray in pictures):
            return what
    if board.kind == "charuco":
        finder = Finder(board)
        if any(finder.find(np.ascontiguousarray(gray[:, ::-1])) for gray in pictures):
            return "the pictures are mirrored; add --flip"
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
        if found is None or len(found) < MIN_MARKERS:
            continue
        ids, xy = found.ravel(), np.concatenate(corners).mean(1)
        for columns in SQUARE_COUNTS:
            wide = replace(board, columns=columns, rows=2 * (int(ids.max()) // columns + 2))
            middles = np.array(wide.charuco().getObjPoints()).mean(1)[:, :2]
            found_by, inside = cv2.findHomography(middles[ids], xy, cv2.RANSAC, 6.0)
            if found_by is None or inside.sum() < max(MIN_MARKERS, 0.9 * len(ids)):
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
        for scale in SEARCH_SCALES:
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
                f"{across}x{down} inner corners fit (for a chessboard, columns and rows count "
                "the corners between squares)",
            )
        return
    other = "without --legacy" if board.legacy else "with --legacy"
    yield replace(board, legacy=not board.legacy), f"it is found {other}"
    needed = board.columns * board.rows // 2
    for name in DICTIONARIES:
        known = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, name))
        if name != board.dictionary and len(known.bytesList) >= needed:
            yield replace(board, dictionary=name), f"its markers come from --dictionary {name}"
