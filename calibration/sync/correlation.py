"""How far recordings are apart in time, from what moves or sounds in both of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.arrays import Doubles
from calibration.geometry.errors import CalibrationError, DegenerateError

LEAST = 20  # samples that two recordings must have in common
SURE = 6.0  # deviations by which the best lag must stand out from chance
TRIED = 6  # lags by speeds that are looked at more closely by places
KEPT = 0.7  # of the moments count when places are compared: some poses of a board are wrong
BRIDGED = 1.6  # frames between which a place is interpolated at most
CLEAR = 2.0  # times better than elsewhere that places usually agree at the right lag
CLEAREST = 4.0  # from which on it makes no difference
REACH = 1.5  # frames by which the lag by speeds may be wrong
NARROWING = 13  # lags tried at once, thrice, nearer and nearer
MOMENTS = 400  # that lags are judged by
PEAK = 1.3  # of the next best peak, that of the sound must have
NEAR = 0.05  # seconds about a peak that belong to it


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
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


@dataclass(frozen=True, slots=True, eq=False)
class Lag:
    """What the first shows at t the second shows at t + seconds, of their own times. sure: by how
    many deviations that stands out, roughly.
    """

    first: int
    second: int
    seconds: float
    sure: float


def moved(times: Doubles, places: Doubles) -> Motion:
    """A body's motion by P >= 3 of its points: how fast its middle is and how fast it turns."""
    middle = places.mean(1)
    spread = places - middle[:, None]
    gap = np.diff(times)
    usual = float(np.median(gap)) if len(gap) else 1.0
    with np.errstate(all="ignore"):
        shift = np.linalg.norm(np.diff(middle, axis=0), axis=1) / gap
        turn = np.sqrt((np.diff(spread, axis=0) ** 2).sum((1, 2))) / gap
    speeds = np.stack([shift, turn], axis=1)
    speeds[gap > BRIDGED * usual] = np.nan
    # A speed belongs between its two frames; half a frame for all alike does not matter.
    return Motion(times, np.concatenate([speeds, np.full((1, 2), np.nan)])[: len(times)], places)


def lag_of(first: Motion, second: Motion) -> tuple[float, float] | None:
    """Seconds that the second is behind, and by how many deviations that stands out from chance;
    None where they have too little in common.
    """
    step = min(first.period, second.period)
    if min(len(first.times), len(second.times)) < LEAST or not 0 < step < np.inf:
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
    for n in peaks(scores)[:TRIED]:
        near = _by_places(first, second, begin + step * float(lags[n]))
        if near is not None:
            found.append((*near, float(scores[n])))
    if not found:
        return None
    miss, lag, score = min(found)
    apart = 2 * max(first.period, second.period)
    others = [one[0] for one in found if abs(one[1] - lag) > apart]
    # Speeds alone may agree by chance; places do not, and say so where speeds are few.
    clear = min(min(others, default=np.inf) / max(miss, 1e-9), CLEAREST) / CLEAR
    return lag, score * clear


def out_of_step(first: Motion, second: Motion) -> tuple[float, float] | None:
    """The lag of recordings that are said to be in step, and how many times better the places agree
    then (inf where they cannot be compared without); None where they are in step as far as can be
    told.
    """
    found = lag_of(first, second)
    if found is None or found[1] < SURE:
        return None
    now, then = _miss(first, second, 0.0), _miss(first, second, found[0])
    better = now / max(then, 1e-9)
    return found[0], float(better) if np.isfinite(better) else np.inf


def even(motion: Motion, step: float) -> Doubles:
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
        enough = count >= LEAST
        both, own_a, own_b = (np.where(enough, x, 0).sum(0) for x in (both, own_a, own_b))
        r = both / np.sqrt(np.maximum(own_a, 1e-9) * np.maximum(own_b, 1e-9))
        samples = np.where(enough, count, 0).sum(0)
        scores = np.arctanh(r.clip(-0.9999, 0.9999)) * np.sqrt(np.maximum(samples - 3, 0))
    scores[samples < LEAST] = np.nan
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


def _by_places(first: Motion, second: Motion, lag: float) -> tuple[float, float] | None:
    """Metres by which the points miss each other at the best lag near that one, and that lag."""
    reach = REACH * max(first.period, second.period)
    off = np.zeros(0)
    for _ in range(3):
        tried = lag + reach * np.linspace(-1, 1, NARROWING)
        off = np.array([_miss(first, second, one) for one in tried])
        if not np.isfinite(off).any():
            return None
        best = int(np.nanargmin(off))
        lag, step = float(tried[best]), 2 * reach / (NARROWING - 1)
        reach = 2 * step
    return float(off[best]), lag + step * top(-(off**2), best)


def _miss(first: Motion, second: Motion, lag: float) -> float:
    """RMS metres between the second's points and the first's at those moments, turned and shifted
    to fit (Kabsch), over the better part of the moments; NaN where they have too few in common.
    """
    assert first.places is not None
    assert second.places is not None
    some = slice(None, None, 1 + len(second.times) // MOMENTS)
    there, known = between(first.times, first.places, second.times[some] - lag, first.period)
    if known.sum() < LEAST:
        return float("nan")
    one, other = there[known], second.places[some][known]
    keep = np.ones(len(one), bool)
    for _ in range(4):
        flat, aim = one[keep].reshape(-1, 3), other[keep].reshape(-1, 3)
        middle, centre = flat.mean(0), aim.mean(0)
        u, _, v = np.linalg.svd((flat - middle).T @ (aim - centre))
        turn = u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v
        off = ((one - middle) @ turn + centre - other) ** 2
        squares = off.sum(-1).mean(-1)
        keep = squares <= np.quantile(squares, KEPT)
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
    known = (at >= times[left]) & (at <= times[right]) & (gap <= BRIDGED * period)
    share = ((at - times[left]) / gap).reshape(-1, *[1] * (values.ndim - 1))
    line = values[left] + share * (values[right] - values[left])
    four = np.stack([left - 1, left, right, right + 1])
    inside = known & (four[0] >= 0) & (four[3] < len(times))
    four = four.clip(0, len(times) - 1)
    inside &= (np.diff(times[four], axis=0) <= BRIDGED * period).all(0)
    if inside.any():
        knots, moments = times[four[:, inside]], at[inside]
        cubic = np.zeros_like(line[inside])
        for n in range(4):  # Lagrange's polynomial
            others = [m for m in range(4) if m != n]
            weight = np.prod([(moments - knots[m]) / (knots[n] - knots[m]) for m in others], axis=0)
            cubic += weight.reshape(share[inside].shape) * values[four[n, inside]]
        line[inside] = cubic
    return line, known


def join(motions: Sequence[Motion], names: Sequence[str], what: str) -> list[float]:
    """Seconds that each recording is behind the first, along the surest pairs.

    CalibrationError names those that cannot be joined; what: "the board's motion".
    """
    lags = []
    for a, b in combinations(range(len(motions)), 2):
        found = lag_of(motions[a], motions[b])
        if found is not None and found[1] >= SURE:
            lags.append(Lag(a, b, *found))
    return along(lags, names, what)


def along(lags: Sequence[Lag], names: Sequence[str], what: str) -> list[float]:
    """The same of lags that are known already."""
    behind: dict[int, float] = {0: 0.0}
    while len(behind) < len(names):
        ways = [one for one in lags if (one.first in behind) != (one.second in behind)]
        if not ways:
            lone = ", ".join(name for n, name in enumerate(names) if n not in behind)
            raise DegenerateError(
                f"{lone} cannot be brought in step with {names[0]}: {what} does not agree in both "
                "for long enough; let the recordings overlap by more, move the board faster and "
                "unevenly, or clap for --sync audio."
            )
        best = max(ways, key=lambda one: one.sure)
        if best.first in behind:
            behind[best.second] = behind[best.first] + best.seconds
        else:
            behind[best.first] = behind[best.second] - best.seconds
    return [behind[n] for n in range(len(names))]


def sound_lag(first: Doubles, second: Doubles, rate: float) -> tuple[float, float]:
    """Seconds that the second sound is behind the first, and how much its peak is higher than the
    next: the cross-correlation of their phases alone (Knapp and Carter 1976, PHAT), so that rooms
    and microphones do not matter. first, second: samples at that rate.
    """
    if min(len(first), len(second)) < rate / 2 or not (first.any() and second.any()):
        raise CalibrationError("there is too little to hear")
    size = 1 << int(np.ceil(np.log2(len(first) + len(second))))
    spectrum = np.conj(np.fft.rfft(first, size)) * np.fft.rfft(second, size)
    strength = np.abs(spectrum)
    # Where there is hardly any sound the phase is noise.
    spectrum /= np.maximum(strength, 1e-3 * strength.max())
    wave = np.fft.irfft(spectrum, size)
    best = int(np.argmax(wave))
    lag = best if best < size // 2 else best - size
    ahead = (best + np.arange(-1, 2)) % size
    fine = top(np.asarray(wave[ahead], np.float64), 1)
    reach = round(NEAR * rate)
    rest = wave.copy()
    rest[(best + np.arange(-reach, reach + 1)) % size] = 0
    return (lag + fine) / rate, float(wave[best] / max(rest.max(), 1e-12))
