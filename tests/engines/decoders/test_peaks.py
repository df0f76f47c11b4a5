"""Peaks of confidence maps, against Gaussians of known position and a slow plain search."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from engines.decoders.peaks import find_peaks
from engines.types.arrays import Floats

HIGH, WIDE = 9, 12


def gaussian(
    x: float, y: float, sigma: float = 0.875, shape: tuple[int, int] = (HIGH, WIDE)
) -> Floats:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    value = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return value[None].astype(np.float32)


def slow_peaks(maps: Floats, threshold: float) -> list[tuple[int, int, int, float]]:
    """(type, column, row, score): every cell against its eight neighbours, one by one."""
    found = []
    for kind, plane in enumerate(maps.tolist()):
        for row, line in enumerate(plane):
            for column, value in enumerate(line):
                wins = value > threshold
                for dy, dx in [
                    (-1, -1),
                    (-1, 0),
                    (-1, 1),
                    (0, -1),
                    (0, 1),
                    (1, -1),
                    (1, 0),
                    (1, 1),
                ]:
                    if 0 <= row + dy < len(plane) and 0 <= column + dx < len(line):
                        other = plane[row + dy][column + dx]
                        earlier = (dy, dx) < (0, 0)  # of equals the first in reading order wins
                        wins = wins and (value > other if earlier else value >= other)
                if wins:
                    found.append((kind, column, row, value))
    return found


inside_x = st.floats(0.5, WIDE - 1.5, width=32)
inside_y = st.floats(0.5, HIGH - 1.5, width=32)


@settings(deadline=None)
@given(x=inside_x, y=inside_y, sigma=st.floats(0.6, 1.5))
def test_a_gaussian_is_found_between_the_cells(x: float, y: float, sigma: float) -> None:
    (peak,) = find_peaks(gaussian(x, y, sigma), 0.05)
    assert peak[0] == 0
    assert peak[1:3] == pytest.approx((x, y), abs=0.02)
    assert peak[3] == gaussian(x, y, sigma).max()


@settings(deadline=None)
@given(x=st.floats(-0.5, WIDE - 0.5, width=32), y=st.floats(-0.5, HIGH - 0.5, width=32))
def test_in_the_outermost_cells_half_a_cell_is_promised(x: float, y: float) -> None:
    """The neighbour that would tell more lies outside the map."""
    (peak,) = find_peaks(gaussian(x, y), 0.05)
    assert peak[1:3] == pytest.approx((x, y), abs=1)
    assert -0.5 <= peak[1] <= WIDE - 0.5
    assert -0.5 <= peak[2] <= HIGH - 0.5


def to_bf16(maps: Floats) -> Floats:
    bits = maps.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


def to_int8(maps: Floats) -> Floats:
    return np.rint(maps * 127).astype(np.float32) / np.float32(127)


@pytest.mark.parametrize("rounded", [to_bf16, to_int8])
@settings(deadline=None)
@given(x=inside_x, y=inside_y)
def test_coarse_arithmetic_moves_a_peak_little_and_never_doubles_it(
    rounded: Callable[[Floats], Floats], x: float, y: float
) -> None:
    (peak,) = find_peaks(rounded(gaussian(x, y)), 0.05)
    assert peak[1:3] == pytest.approx((x, y), abs=0.03)


@pytest.mark.parametrize("top", [0, 3])
@pytest.mark.parametrize("left", [0, 4])
@pytest.mark.parametrize(("high", "wide"), [(1, 2), (2, 1), (2, 2), (1, 5), (4, 1), (3, 4)])
def test_a_plateau_is_one_peak(high: int, wide: int, top: int, left: int) -> None:
    maps = np.zeros((1, HIGH, WIDE), np.float32)
    maps[0, top : top + high, left : left + wide] = 0.7
    (peak,) = find_peaks(maps, 0.05)
    assert left - 0.5 <= peak[1] <= left + wide - 0.5
    assert top - 0.5 <= peak[2] <= top + high - 0.5


def test_the_peak_of_two_equal_cells_lies_between_them() -> None:
    (peak,) = find_peaks(gaussian(4.5, 3.5), 0.05)
    assert peak[1:3] == pytest.approx((4.5, 3.5), abs=1e-3)


def test_the_threshold_must_be_exceeded() -> None:
    maps = np.zeros((1, HIGH, WIDE), np.float32)
    maps[0, 3, 3] = 0.25
    maps[0, 3, 6] = np.nextafter(np.float32(0.25), np.float32(1))
    assert find_peaks(maps, 0.25)[:, 1].tolist() == [6]


def test_of_too_many_peaks_the_strongest_of_each_type_stay() -> None:
    rng = np.random.default_rng(0)
    maps = np.zeros((3, 21, 31), np.float32)
    maps[:2, 1::2, 1::2] = 0.1 + rng.permutation(300).reshape(2, 10, 15) / 400
    maps[2, 5, 5] = 0.06
    every = find_peaks(maps, 0.05, most=1000)
    few = find_peaks(maps, 0.05, most=7)
    assert np.bincount(every[:, 0].astype(int)).tolist() == [150, 150, 1]
    assert np.bincount(few[:, 0].astype(int)).tolist() == [7, 7, 1]
    assert (np.diff(few[:, 0]) >= 0).all()
    for kind in range(3):
        scores = np.sort(every[every[:, 0] == kind, 3])
        assert np.sort(few[few[:, 0] == kind, 3]).tolist() == scores[-7:].tolist()


def test_equally_strong_peaks_are_limited_too() -> None:
    maps = np.zeros((1, 21, 31), np.float32)
    maps[0, 1::2, 1::2] = 0.5
    assert len(find_peaks(maps, 0.05, most=7)) == 7


@pytest.mark.parametrize("shape", [(18, 5, 6), (18, 1, 1), (0, 4, 4)])
def test_where_nothing_is_there_is_no_peak(shape: tuple[int, int, int]) -> None:
    peaks = find_peaks(np.zeros(shape, np.float32), 0.05)
    assert peaks.shape == (0, 4)
    assert peaks.dtype == np.float32


@pytest.mark.parametrize("shape", [(1, WIDE), (HIGH, 1), (1, 1)])
def test_maps_of_one_row_or_column(shape: tuple[int, int]) -> None:
    x, y = min(5, shape[1] - 1), min(4, shape[0] - 1)
    (peak,) = find_peaks(gaussian(x, y, shape=shape), 0.05)
    assert peak == pytest.approx((0, x, y, 1), abs=0.5)


levels = st.integers(-1, 4).map(lambda level: level / 4)


@settings(deadline=None)
@given(arrays(np.float32, array_shapes(min_dims=3, max_dims=3, max_side=7), elements=levels))
def test_finds_what_a_plain_search_finds(maps: Floats) -> None:
    """Coarse levels, so that ties of all shapes occur."""
    before = maps.copy()
    peaks = find_peaks(maps, 0.25)
    slow = slow_peaks(maps, 0.25)
    assert peaks[:, [0, 3]].tolist() == [[kind, score] for kind, _, _, score in slow]
    cells = np.array([cell[1:3] for cell in slow], np.float32).reshape(-1, 2)
    assert np.abs(peaks[:, 1:3] - cells).max(initial=0) <= 0.5
    assert (maps == before).all()


@settings(deadline=None)
@given(
    arrays(
        np.float32,
        array_shapes(min_dims=3, max_dims=3, min_side=3, max_side=7),
        elements=st.floats(0.0078125, 1, width=16),
    )
)
def test_the_position_is_the_vertex_of_the_parabola_through_the_logarithms(maps: Floats) -> None:
    peaks = {(int(kind), score): (x, y) for kind, x, y, score in find_peaks(maps, 0.25).tolist()}
    for kind, column, row, score in slow_peaks(maps, 0.25):
        high, wide = maps.shape[1:]
        if not (0 < row < high - 1 and 0 < column < wide - 1):
            continue
        if (maps[kind] == score).sum() > 1:
            continue  # several peaks of one score cannot be told apart here
        want = []
        for at, (dy, dx) in ((column, (0, 1)), (row, (1, 0))):
            low = math.log(maps[kind, row - dy, column - dx])
            mid = math.log(score)
            high_side = math.log(maps[kind, row + dy, column + dx])
            bend = 2 * mid - low - high_side
            want.append(at + (high_side - low) / (2 * bend) if bend > 0.01 else None)
        for have, expected in zip(peaks[kind, score], want, strict=True):
            if expected is not None:
                assert have == pytest.approx(expected, abs=1e-3)
