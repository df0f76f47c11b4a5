"""Points that move: a Kalman filter of position and velocity for many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.small_matrices import symmetric_inverse, symmetric_solved
from engines.types.arrays import Doubles

# metres^2 / second^3: what a second adds to the variance of a keypoint's speed, and 1 / second: how
# much more of the speed's square where it is quick; chosen so that quick feet are followed.
SPEED_DIFFUSION = 3.3
SQUARED_SPEED_DIFFUSION = 4.0
MAX_ACCELERATION = 150.0  # metres / second^2, bounds what limbs of people reach: a kick
# Squared normalised residual from which on a manoeuvre is likely: its mean is the three dimensions.
MANOEUVRE_DISTANCE = 3.0
SPEED_DECAY_S = 0.3  # seconds in which the speed of what is not seen falls to 1 / e
INITIAL_SPEED_SIGMA = 3.0  # metres / second, standard deviation of a speed that is not known


def fresh(xyz: Doubles, noise: Doubles) -> tuple[Doubles, Doubles]:
    """States (..., 6) and (..., 6, 6) of points (..., 3) seen for the first time."""
    state = np.concatenate([xyz, np.zeros_like(xyz)], -1)
    covariance = np.zeros((*xyz.shape[:-1], 6, 6))
    covariance[..., :3, :3] = noise
    covariance[..., 3:, 3:] = INITIAL_SPEED_SIGMA**2 * np.eye(3)
    return state, covariance


def predicted(state: Doubles, covariance: Doubles, seconds: float) -> tuple[Doubles, Doubles]:
    """The same so much later: nearly constant velocity that fades, and wanders more where it is
    high, as limbs that are quick soon turn.
    """
    fade = np.exp(-seconds / SPEED_DECAY_S)
    move = np.eye(6)
    move[:3, 3:] = SPEED_DECAY_S * (1 - fade) * np.eye(3)
    move[3:, 3:] = fade * np.eye(3)
    wander = SPEED_DIFFUSION + SQUARED_SPEED_DIFFUSION * (state[..., 3:] ** 2).sum(-1)
    grown = np.kron([[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]], np.eye(3))
    return state @ move.T, move @ covariance @ move.T + wander[..., None, None] * grown


def widened(covariance: Doubles, far: Doubles, seconds: float) -> Doubles:
    """(..., 6, 6) wider where points were measured `far` (...), squared deviations, from where they
    were expected: they have sped up suddenly since (a strong tracking filter, Zhou and Frank 1996).
    """
    gain = MAX_ACCELERATION * np.kron([[0.5 * seconds**2], [seconds]], np.eye(3))
    return np.where(
        (far > MANOEUVRE_DISTANCE)[..., None, None], covariance + gain @ gain.T, covariance
    )


def distance(
    state: Doubles, covariance: Doubles, xyz: Doubles, noise: Doubles
) -> NDArray[np.float64]:
    """(...) Mahalanobis distances, squared, of measured points from where they were expected."""
    off = xyz - state[..., :3]
    solved = symmetric_solved(covariance[..., :3, :3] + noise, off)
    squared: Doubles = (off * solved).sum(-1)
    return squared


def updated(
    state: Doubles, covariance: Doubles, xyz: Doubles, noise: Doubles
) -> tuple[Doubles, Doubles]:
    """States after points were measured, with (..., 3, 3) covariances."""
    innovation = covariance[..., :3, :3] + noise
    gain = covariance[..., :3] @ symmetric_inverse(innovation)
    state = state + (gain @ (xyz - state[..., :3])[..., None])[..., 0]
    covariance = covariance - gain @ covariance[..., :3, :]
    return state, 0.5 * (covariance + covariance.swapaxes(-1, -2))
