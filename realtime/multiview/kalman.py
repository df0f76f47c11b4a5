"""Points that move: a Kalman filter of position and velocity for many at once."""

from __future__ import annotations

import numpy as np

from calibration.geometry.small_matrices import (
    IDENTITY,
    inverse,
    packed,
    summed_equations,
    symmetric_inverse,
    times,
    unpacked,
)
from engines.types.arrays import Doubles, Mask

# metres^2 / second^3: what a second adds to the variance of a keypoint's speed, and 1 / second: how
# much more of the speed's square where it is quick; chosen so that quick feet are followed.
SPEED_DIFFUSION = 3.3
SQUARED_SPEED_DIFFUSION = 4.0
MAX_ACCELERATION = 150.0  # metres / second^2, bounds what limbs of people reach: a kick
# Squared normalised residual from which on a manoeuvre is likely: its mean is the three dimensions.
MANOEUVRE_DISTANCE = 3.0
SPEED_DECAY_S = 0.3  # seconds in which the speed of what is not seen falls to 1 / e
AXES = np.eye(3)
# (4, 36): matrices of which one block of 2 by 2, each alike for all three axes, is 1.
BLOCKS = np.kron(np.eye(4).reshape(4, 2, 2), AXES).reshape(4, 36)
TRACE_PRODUCT = np.array([1.0, 2, 2, 1, 2, 1])  # of packed matrices
INITIAL_SPEED_SIGMA = 3.0  # metres / second, standard deviation of a speed that is not known


def fresh(xyz: Doubles, noise: Doubles) -> tuple[Doubles, Doubles]:
    """States (..., 6) and (..., 6, 6) of points (..., 3) seen for the first time."""
    state = np.concatenate([xyz, np.zeros_like(xyz)], -1)
    covariance = np.zeros((*xyz.shape[:-1], 6, 6))
    covariance[..., :3, :3] = noise
    covariance[..., 3:, 3:] = INITIAL_SPEED_SIGMA**2 * AXES
    return state, covariance


def predicted(state: Doubles, covariance: Doubles, seconds: float) -> tuple[Doubles, Doubles]:
    """The same so much later: nearly constant velocity that fades, and wanders more where it is
    high, as limbs that are quick soon turn.
    """
    fade = float(np.exp(-seconds / SPEED_DECAY_S))
    onward = _alike(1.0, SPEED_DECAY_S * (1 - fade), 0.0, fade).T
    speed = state[..., 3:]
    wander = SPEED_DIFFUSION + SQUARED_SPEED_DIFFUSION * (speed * speed).sum(-1)
    grown = _alike(seconds**3 / 3, seconds**2 / 2, seconds**2 / 2, seconds)
    # One large product from either side takes a fraction of the time of many small ones.
    half = (covariance.reshape(-1, 6) @ onward).reshape(covariance.shape).swapaxes(-1, -2)
    moved = (half.reshape(-1, 6) @ onward).reshape(covariance.shape)
    return state @ onward, moved + wander[..., None, None] * grown


def _alike(*block: float) -> Doubles:
    """(6, 6) of a block of 2 by 2 numbers that are the same for all three axes."""
    return np.asarray(np.array(block) @ BLOCKS, np.float64).reshape(6, 6)


def widened(covariance: Doubles, far: Doubles, seconds: float) -> Doubles:
    """(..., 6, 6) wider where points were measured `far` (...), squared deviations, from where they
    were expected: they have sped up suddenly since (a strong tracking filter, Zhou and Frank 1996).
    """
    quick = far > MANOEUVRE_DISTANCE
    if not quick.any():
        return covariance
    place, speed = MAX_ACCELERATION * 0.5 * seconds**2, MAX_ACCELERATION * seconds
    gained = _alike(place**2, place * speed, place * speed, speed**2)
    return covariance + np.where(quick[..., None, None], gained, 0.0)


def compared(
    state: Doubles, covariance: Doubles, xyz: Doubles, noise: Doubles
) -> tuple[Doubles, Doubles]:
    """(...) Mahalanobis distances, squared, of measured points from where they were expected, and
    (...) the filter's gain, 0 to 1: which share of the way to them it goes, as a mean over axes.
    """
    shape = xyz.shape[:-1]
    expected = packed(covariance[..., :3, :3]).reshape(6, -1)
    information = inverse(expected + packed(noise).reshape(6, -1))
    off = np.ascontiguousarray((xyz - state[..., :3]).reshape(-1, 3).T)
    squared = np.add.reduce(off * times(information, off), 0)
    # The trace of the product of two symmetric matrices: off the diagonal each element is twice.
    gain = TRACE_PRODUCT @ (expected * information) / 3
    return squared.reshape(shape), gain.reshape(shape)


def updated(
    state: Doubles, covariance: Doubles, xyz: Doubles, noise: Doubles
) -> tuple[Doubles, Doubles]:
    """States after points were measured, with (..., 3, 3) covariances."""
    innovation = covariance[..., :3, :3] + noise
    gain = covariance[..., :3] @ symmetric_inverse(innovation)
    state = state + (gain @ (xyz - state[..., :3])[..., None])[..., 0]
    covariance = covariance - gain @ covariance[..., :3, :]
    covariance += covariance.swapaxes(-1, -2).copy()
    covariance *= 0.5
    return state, covariance


def guided(
    state: Doubles,
    covariance: Doubles,
    off: Doubles,
    slope: Doubles,
    variance: Doubles,
    max_deviations: float,
) -> tuple[Doubles, Doubles, Mask]:
    """Where (M, 3) points of states (M, 6) are by the sightings that agree with what is expected,
    each by itself, the (M, 3, 3) covariances of that, and (V, M) which sightings these are.

    off: (2, V, M) from where points were expected to sightings, NaN = none. slope: (3, 2, V, M) of
    that by metres. variance: (V, M) of sightings. max_deviations: from expected.
    """
    prior = packed(covariance[:, :3, :3])[:, None, None]
    across = times(prior, slope)
    a, d = np.add.reduce(slope * across, 0) + variance
    b = np.add.reduce(slope[:, 0] * across[:, 1], 0)
    x, y = off
    with np.errstate(invalid="ignore"):
        square = (d * x * x - 2 * b * x * y + a * y * y) / (a * d - b * b)
        on: Mask = square < max_deviations**2
    rows = np.concatenate([slope, off[None]])
    equations = summed_equations(np.where(on, rows / np.sqrt(variance), 0.0))
    noise = inverse(equations[:6] + IDENTITY)  # a metre where nothing is seen
    step = times(noise, equations[6:]).T
    return state[:, :3] + step, unpacked(noise), on
