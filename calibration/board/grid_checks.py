"""Whether corners found in a picture are the grid of a whole chessboard."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.arrays import Doubles, Image

# Bend of three corners in a row over their distance; a row left out bends by a third (rule of
# thumb).
MAX_UNEVENNESS = 0.25


def first_square(gray: Image, xy: Doubles, across: int) -> float:
    """How much brighter the square beside the first corner is than its neighbours: the outer
    corner of the squares is black by definition, and so is its neighbour on the diagonal.
    """
    grid = xy.reshape(-1, across, 2)
    centres = (grid[:-1, :-1] + grid[1:, :-1] + grid[:-1, 1:] + grid[1:, 1:]) / 4
    values = _at(gray, centres)
    even = np.indices(values.shape).sum(0) % 2 == 0
    return float(values[even].mean() - values[~even].mean())


def regular(xy: Doubles, across: int) -> bool:
    """Whether distances between neighbours change little by little: a grid that is too small is
    found on a larger board with rows left out.
    """
    grid = xy.reshape(-1, across, 2)
    for lines in (grid, grid.transpose(1, 0, 2)):
        bend = np.linalg.norm(np.diff(lines, 2, axis=1), axis=-1)
        reach = np.linalg.norm(lines[:, 2:] - lines[:, :-2], axis=-1)
        if (bend > MAX_UNEVENNESS * reach).any():
            return False
    return True


def saddles(gray: Image, xy: Doubles, across: int) -> bool:
    """Whether black and white meet crosswise at the corners: a grid that is too large is found
    with the outer edge of the board for a row of corners.
    """
    grid = xy.reshape(-1, across, 2)
    right, down = (0.3 * np.asarray(np.gradient(grid, axis=axis)) for axis in (1, 0))
    low, high = np.percentile(_around(gray, grid, right, down), (10, 90))
    apart = _crosswise(gray, grid, right, down, 0.2 * (high - low))
    edges = (apart[0], apart[-1], apart[:, 0], apart[:, -1])
    return bool(apart.mean() > 0.8 and min(edge.mean() for edge in edges) > 0.5)


def goes_on(gray: Image, xy: Doubles, across: int) -> bool:
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
