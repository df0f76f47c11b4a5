"""How well two motions agree in space at a lag, where places are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.arrays import Doubles
from calibration.sync.correlation import MAX_GAP_FRAMES, MIN_SAMPLES, MotionSignal, top

# Of the moments, the best, count when places are compared: some poses of a board are wrong.
COMPARED_SHARE = 0.7
SEARCH_FRAMES = 1.5  # frames by which the lag by speeds may be wrong
LAGS_PER_ROUND = 13  # lags tried at once, thrice, nearer and nearer
MAX_MOMENTS = 400  # that lags are judged by


def by_places(first: MotionSignal, second: MotionSignal, lag: float) -> tuple[float, float] | None:
    """Metres by which the points miss each other at the best lag near that one, and that lag."""
    reach = SEARCH_FRAMES * max(first.period, second.period)
    off = np.zeros(0)
    for _ in range(3):
        tried = lag + reach * np.linspace(-1, 1, LAGS_PER_ROUND)
        off = np.array([miss(first, second, one) for one in tried])
        if not np.isfinite(off).any():
            return None
        best = int(np.nanargmin(off))
        lag, step = float(tried[best]), 2 * reach / (LAGS_PER_ROUND - 1)
        reach = 2 * step
    return float(off[best]), lag + step * top(-(off**2), best)


def miss(first: MotionSignal, second: MotionSignal, lag: float) -> float:
    """RMS metres between the second's points and the first's at those moments, turned and shifted
    to fit (Kabsch), over the better part of the moments; NaN where they have too few in common.
    """
    assert first.places is not None
    assert second.places is not None
    some = slice(None, None, 1 + len(second.times) // MAX_MOMENTS)
    there, known = between(first.times, first.places, second.times[some] - lag, first.period)
    if known.sum() < MIN_SAMPLES:
        return float("nan")
    one, other = there[known], second.places[some][known]
    keep = np.ones(len(one), bool)
    for _ in range(4):
        source, aim = one[keep].reshape(-1, 3), other[keep].reshape(-1, 3)
        middle, centre = source.mean(0), aim.mean(0)
        u, _, v = np.linalg.svd((source - middle).T @ (aim - centre))
        turn = u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v
        off = ((one - middle) @ turn + centre - other) ** 2
        squares = off.sum(-1).mean(-1)
        keep = squares <= np.quantile(squares, COMPARED_SHARE)
    return float(np.sqrt(squares[keep].mean()))


def between(
    times: Doubles, values: Doubles, at: Doubles, period: float
) -> tuple[Doubles, NDArray[np.bool_]]:
    """Values (N, ...) at other times, and where those are known: between two frames that follow
    each other, on the cubic through the four about them where all are there, else on the line.
    """
    right = np.searchsorted(times, at, side="right").clip(1, len(times) - 1)
    left = right - 1
    gap = times[right] - times[left]
    known = (at >= times[left]) & (at <= times[right]) & (gap <= MAX_GAP_FRAMES * period)
    share = ((at - times[left]) / gap).reshape(-1, *[1] * (values.ndim - 1))
    line = values[left] + share * (values[right] - values[left])
    four = np.stack([left - 1, left, right, right + 1])
    inside = known & (four[0] >= 0) & (four[3] < len(times))
    four = four.clip(0, len(times) - 1)
    inside &= (np.diff(times[four], axis=0) <= MAX_GAP_FRAMES * period).all(0)
    if inside.any():
        knots, moments = times[four[:, inside]], at[inside]
        cubic = np.zeros_like(line[inside])
        for n in range(4):  # Lagrange's polynomial
            others = [m for m in range(4) if m != n]
            weight = np.prod([(moments - knots[m]) / (knots[n] - knots[m]) for m in others], axis=0)
            cubic += weight.reshape(share[inside].shape) * values[four[n, inside]]
        line[inside] = cubic
    return line, known
