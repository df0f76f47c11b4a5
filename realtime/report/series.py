"""Numbers over time in bounded memory."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles, Floats

FIRST_BIN_S = 0.02  # finer than frames come, so that short runs lose nothing
MAX_BINS = 4096
FEWEST_BINS = 64  # there is room for at first


class Series:
    """N numbers over time, in bins whose width doubles when there are too many: of each the mean,
    the least and the greatest. NaN = not known.
    """

    def __init__(self, width: int) -> None:
        self._n = width
        self._bin = FIRST_BIN_S
        self._begin = self.last = float("nan")  # seconds
        self._sum = np.zeros((0, width))
        self._count = np.zeros((0, width), np.int32)
        self._low = np.zeros((0, width), np.float32)
        self._high = np.zeros((0, width), np.float32)

    def add(self, time: float, values: Doubles) -> None:
        """(N,) at a time, which only grows."""
        if self._begin != self._begin:
            self._begin = time
        self.last = time
        while (at := int((time - self._begin) / self._bin)) >= MAX_BINS:
            self._halve()
        if at >= len(self._sum):
            self._grow(min(MAX_BINS, max(FEWEST_BINS, 2 * at)))
        known = ~np.isnan(values)
        self._sum[at, known] += values[known]
        self._count[at, known] += 1
        self._low[at] = np.fmin(self._low[at], values)
        self._high[at] = np.fmax(self._high[at], values)

    def bins(self, most: int) -> tuple[Doubles, Floats, Floats, Floats]:
        """(B,) middles of at most so many bins in seconds, and (B, N) means, least, greatest."""
        used = len(self._sum)
        if self.last == self.last:
            used = min(used, int((self.last - self._begin) / self._bin) + 1)
        step = max(1, -(-used // most))
        whole = -(-used // step) * step

        def together(values: NDArray[Any], empty: float) -> Doubles:
            room = np.full((whole, self._n), empty)
            room[:used] = values[:used]
            return room.reshape(-1, step, self._n)

        count = together(self._count, 0.0).sum(axis=1)
        total = together(self._sum, 0.0).sum(axis=1)
        with np.errstate(invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of bins in which nothing is known
            mean = np.where(count > 0, total / count, np.nan)
            low = np.nanmin(together(self._low, np.nan), axis=1)
            high = np.nanmax(together(self._high, np.nan), axis=1)
        middles = self._begin + (np.arange(whole // step) + 0.5) * step * self._bin
        mean, low, high = (np.asarray(one, np.float32) for one in (mean, low, high))
        return np.asarray(middles, float), mean, low, high

    def _grow(self, bins: int) -> None:
        more = ((0, bins - len(self._sum)), (0, 0))
        self._sum, self._count = np.pad(self._sum, more), np.pad(self._count, more)
        self._low = np.pad(self._low, more, constant_values=np.nan)
        self._high = np.pad(self._high, more, constant_values=np.nan)

    def _halve(self) -> None:
        """Two bins become one."""
        if len(self._sum) < MAX_BINS:
            self._grow(MAX_BINS)
        self._sum, self._count = (
            np.pad(one[::2] + one[1::2], ((0, MAX_BINS // 2), (0, 0)))
            for one in (self._sum, self._count)
        )
        low, high = self._low, self._high
        self._low, self._high = np.fmin(low[::2], low[1::2]), np.fmax(high[::2], high[1::2])
        empty = ((0, MAX_BINS // 2), (0, 0))
        self._low, self._high = (
            np.pad(one, empty, constant_values=np.nan) for one in (self._low, self._high)
        )
        self._bin *= 2
