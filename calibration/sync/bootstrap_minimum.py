"""Where a curve that is a sum of independent parts is lowest, and how firm that is (bootstrap)."""

from __future__ import annotations

import numpy as np

from calibration.geometry.arrays import Doubles, Ints

PARABOLA_FRAMES = 3.0  # about the lowest point, to which the parabola is fitted
BOOTSTRAP_DRAWS = 200  # a standard deviation is good to 5 % then
MIN_DRAWS_SHARE = 0.95  # of the draws that must have a minimum at all


def lowest(at: Ints, parts: Doubles, rng: np.random.Generator) -> tuple[float, float, float] | None:
    """Where (L, 2, B) sums by block are lowest in the mean, the deviation of that, and how low."""
    blocks = parts.shape[-1]
    depth = mean_residuals(parts)
    bottom = _parabola(at, depth)
    drawn = [
        _parabola(at, mean_residuals(parts[..., rng.integers(0, blocks, blocks)]))
        for _ in range(BOOTSTRAP_DRAWS)
    ]
    known = [one for one in drawn if one is not None]
    if bottom is None or len(known) < MIN_DRAWS_SHARE * BOOTSTRAP_DRAWS:
        return None
    return bottom, float(np.std(known)), float(depth.min())


def mean_residuals(parts: Doubles) -> Doubles:
    """(L,) mean residuals, 0 to 1, from (L, 2, B) sums of these and of weights."""
    total = parts.sum(-1)
    with np.errstate(all="ignore"):
        return np.asarray(total[:, 0] / total[:, 1], np.float64)


def _parabola(at: Ints, depth: Doubles) -> float | None:
    """Where it is lowest, by least squares about the lowest of all; None where there is none."""
    if not np.isfinite(depth).all():
        return None
    best = int(depth.argmin())
    near = np.abs(at - at[best]) <= PARABOLA_FRAMES
    if near.sum() < PARABOLA_FRAMES + 2:
        return None
    bend, slope, _ = np.polyfit(at[near], depth[near], 2)
    bottom = -slope / (2 * bend) if bend > 0 else np.inf
    return float(bottom) if abs(bottom - at[best]) <= PARABOLA_FRAMES else None
