"""How far recordings are apart in time, from what moves or sounds in both of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.arrays import Doubles

MAX_GAP_FRAMES = 1.6  # between which a place is interpolated: one frame left out is 2
# That two recordings must have in common for a correlation to mean anything (rule of thumb).
MIN_SAMPLES = 20


@dataclass(frozen=True, slots=True, eq=False)
class MotionSignal:
    """How something moves before one camera, in numbers that do not depend on where it stands.

    times: (N,) seconds, rising. speeds: (N, D), NaN where unknown. places: (N, P, 3) metres in the
    camera's frame, where they are known.
    """

    times: Doubles
    speeds: Doubles
    places: Doubles | None = None

    @property
    def period(self) -> float:
        """Seconds from frame to frame."""
        return float(np.median(np.diff(self.times))) if len(self.times) > 1 else 1.0


def moved(times: Doubles, places: Doubles) -> MotionSignal:
    """A body's motion by P >= 3 of its points: how fast its middle is and how fast it turns."""
    middle = places.mean(1)
    arms = places - middle[:, None]
    gap = np.diff(times)
    usual = float(np.median(gap)) if len(gap) else 1.0
    with np.errstate(all="ignore"):
        shift = np.linalg.norm(np.diff(middle, axis=0), axis=1) / gap
        turn = np.sqrt((np.diff(arms, axis=0) ** 2).sum((1, 2))) / gap
    speeds = np.stack([shift, turn], axis=1)
    speeds[gap > MAX_GAP_FRAMES * usual] = np.nan
    # A speed belongs between its two frames; half a frame for all alike does not matter.
    return MotionSignal(
        times, np.concatenate([speeds, np.full((1, 2), np.nan)])[: len(times)], places
    )


def even(motion: MotionSignal, step: float) -> Doubles:
    """(D, N) speeds at even times from the first on, each of unit deviation, NaN where unknown."""
    count = round((motion.times[-1] - motion.times[0]) / step) + 1
    at = motion.times[0] + step * np.arange(count)
    right = np.searchsorted(motion.times, at).clip(0, len(motion.times) - 1)
    left = (right - 1).clip(0)
    nearer = np.where(at - motion.times[left] < motion.times[right] - at, left, right)
    values = motion.speeds[nearer].T.copy()
    values[:, np.abs(motion.times[nearer] - at) > step] = np.nan
    # Jumps of a pose that was found wrong must not drown the rest.
    with np.errstate(all="ignore"):
        high = np.nanpercentile(values, 98, axis=1, keepdims=True) if values.size else 0
        values = np.minimum(values, high)
        deviation = np.nanstd(values, axis=1, keepdims=True)
    return np.asarray(values / np.where(deviation > 0, deviation, np.nan), np.float64)


def correlation(a: Doubles, b: Doubles) -> tuple[NDArray[np.int64], Doubles]:
    """Lags in steps, and by how many deviations the correlation there stands out (Fisher's z of
    the normalised correlation over what both know, Padfield 2012); NaN where that is too little.
    """
    size = 1 << int(np.ceil(np.log2(a.shape[1] + b.shape[1])))

    def cross(x: Doubles, y: Doubles) -> Doubles:
        spectrum = np.conj(np.fft.rfft(x, size)) * np.fft.rfft(y, size)
        return np.asarray(np.fft.irfft(spectrum, size), np.float64)

    known_a, known_b = np.isfinite(a).astype(float), np.isfinite(b).astype(float)
    zero_a, zero_b = np.nan_to_num(a), np.nan_to_num(b)
    count = np.round(cross(known_a, known_b))
    with np.errstate(all="ignore"):
        sum_a, sum_b = cross(zero_a, known_b), cross(known_a, zero_b)
        both = cross(zero_a, zero_b) - sum_a * sum_b / count
        own_a = cross(zero_a**2, known_b) - sum_a**2 / count
        own_b = cross(known_a, zero_b**2) - sum_b**2 / count
        enough = count >= MIN_SAMPLES
        both, own_a, own_b = (np.where(enough, x, 0).sum(0) for x in (both, own_a, own_b))
        r = both / np.sqrt(np.maximum(own_a, 1e-9) * np.maximum(own_b, 1e-9))
        samples = np.where(enough, count, 0).sum(0)
        scores = np.arctanh(r.clip(-0.9999, 0.9999)) * np.sqrt(np.maximum(samples - 3, 0))
    scores[samples < MIN_SAMPLES] = np.nan
    lags = np.arange(size)
    lags[lags >= size // 2] -= size
    order = np.argsort(lags)
    return lags[order], scores[order]


def peaks(scores: Doubles) -> list[int]:
    """Places of the highest local maxima, the highest first."""
    filled = np.nan_to_num(scores, nan=-np.inf)
    inner = (filled[1:-1] >= filled[:-2]) & (filled[1:-1] > filled[2:])
    places = np.flatnonzero(inner) + 1
    return [int(n) for n in places[np.argsort(-filled[places])]]


def top(scores: Doubles, best: int) -> float:
    """Where between its neighbours a peak is highest, in steps (a parabola through the three)."""
    if not 0 < best < len(scores) - 1:
        return 0.0
    left, middle, right = scores[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return float(0.5 * (left - right) / bend) if bend < 0 else 0.0
