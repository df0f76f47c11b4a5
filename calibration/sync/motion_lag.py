"""By how much one motion is behind another: by speeds, then by places where these are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.sync.correlation import MIN_SAMPLES, MotionSignal, correlation, even, peaks, top
from calibration.sync.place_agreement import by_places, miss

# Deviations by which the best lag must stand out: chance alone reaches about 4 in 10 000 tries, and
# neighbouring samples are alike.
MIN_Z = 6.0
MAX_LAGS = 6  # by speeds that are looked at more closely by places: bounds the time
USUAL_RATIO = 2.0  # times better than elsewhere that places usually agree at the right lag
MAX_RATIO = 4.0  # from which on it makes no difference


@dataclass(frozen=True, slots=True, eq=False)
class Lag:
    """What the first shows at t the second shows at t + seconds, of their own times. sure: by how
    many deviations that stands out, roughly.
    """

    first: int
    second: int
    seconds: float
    sure: float


def lag_of(first: MotionSignal, second: MotionSignal) -> tuple[float, float] | None:
    """Seconds that the second is behind, and by how many deviations that stands out from chance;
    None where they have too little in common.
    """
    step = min(first.period, second.period)
    if min(len(first.times), len(second.times)) < MIN_SAMPLES or not 0 < step < np.inf:
        return None
    a, b = even(first, step), even(second, step)
    lags, scores = correlation(a, b)
    if not np.isfinite(scores).any():
        return None
    begin = second.times[0] - first.times[0]
    if first.places is None or second.places is None:
        best = int(np.nanargmax(scores))
        return begin + step * (float(lags[best]) + top(scores, best)), float(scores[best])
    found = []
    for n in peaks(scores)[:MAX_LAGS]:
        near = by_places(first, second, begin + step * float(lags[n]))
        if near is not None:
            found.append((*near, float(scores[n])))
    if not found:
        return None
    miss, lag, score = min(found)
    apart = 2 * max(first.period, second.period)
    others = [one[0] for one in found if abs(one[1] - lag) > apart]
    # Speeds alone may agree by chance; places do not, and say so where speeds are few.
    clear = min(min(others, default=np.inf) / max(miss, 1e-9), MAX_RATIO) / USUAL_RATIO
    return lag, score * clear


def out_of_step(first: MotionSignal, second: MotionSignal) -> tuple[float, float] | None:
    """The lag of recordings that are said to be in step, and how many times better the places agree
    then (inf where they cannot be compared without); None where they are in step as far as can be
    told.
    """
    found = lag_of(first, second)
    if found is None or found[1] < MIN_Z:
        return None
    now, then = miss(first, second, 0.0), miss(first, second, found[0])
    better = now / max(then, 1e-9)
    return found[0], float(better) if np.isfinite(better) else np.inf
