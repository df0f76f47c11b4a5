"""The numbers of the last seconds, and what is fitted to them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from engines.types.arrays import Doubles

MAX_ROWS = 1024  # kept at most: 10 s at 100 fps, and fewer seconds of faster cameras


class Window:
    """Rows of numbers of the last seconds, newest last. NaN = not known."""

    def __init__(self, seconds: float, width: int) -> None:
        self._seconds = seconds
        self._rows = np.empty((2 * MAX_ROWS, width + 1))
        self._begin = self._end = 0

    def __len__(self) -> int:
        return self._end - self._begin

    def add(self, time: float, *values: float) -> None:
        """A row; times only grow."""
        if self._end == len(self._rows):
            kept = self._rows[self._begin : self._end].copy()
            self._begin, self._end = 0, len(kept)
            self._rows[: len(kept)] = kept
        self._rows[self._end] = time, *values
        self._end += 1
        first = np.searchsorted(self.times, time - self._seconds)
        self._begin = max(self._begin + int(first), self._end - MAX_ROWS)

    @property
    def times(self) -> Doubles:
        """(N,) seconds."""
        return self._rows[self._begin : self._end, 0]

    @property
    def values(self) -> Doubles:
        """(N, width)."""
        return self._rows[self._begin : self._end, 1:]

    def since(self, time: float, until: float = np.inf) -> Doubles:
        """(N, width) the rows of this time, both ends with it."""
        first, last = np.searchsorted(self.times, [time, np.nextafter(until, np.inf)])
        return self.values[first:last]


def known_quantile(values: Doubles, share: float) -> float:
    """Of those that are known; NaN of none."""
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan")
    at = min(int(share * len(known)), len(known) - 1)
    return float(np.partition(known, at)[at])


def standing_level(values: Doubles, spread: float) -> float:
    """The mean of the values round their lower fifth, in which those of a foot on the floor lie;
    spread: how far they may be from each other.
    """
    low = known_quantile(values, 0.2)
    near = values[np.abs(values - low) <= spread]
    return float(near.mean()) if len(near) else low


def fit_parabola(times: Doubles, values: Doubles, at: float) -> Doubles | None:
    """(3, D) least-squares coefficients of 1, dt, dt^2 with dt = times - at, of (N, D) values; None
    where fewer than three are known.
    """
    known = ~np.isnan(values).any(axis=1)
    if known.sum() < 3:
        return None
    dt = times[known] - at
    powers = np.stack([np.ones_like(dt), dt, dt * dt], axis=1)
    fitted, _, rank, _ = np.linalg.lstsq(powers, values[known], rcond=None)
    return np.asarray(fitted, float) if rank == 3 else None


def bridged(times: Doubles, values: Doubles, longest: float) -> Doubles:
    """(N, D) values, of which gaps of so many seconds at most are filled by straight lines."""
    out = values.copy()
    for column in out.T:
        known = np.flatnonzero(~np.isnan(column))
        if len(known) < 2:
            continue
        for one, other in pairwise(known.tolist()):
            if other > one + 1 and times[other] - times[one] <= longest:
                gap = slice(one + 1, other)
                column[gap] = np.interp(times[gap], times[[one, other]], column[[one, other]])
    return out
