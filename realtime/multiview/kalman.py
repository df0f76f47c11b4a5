"""Points that move: a Kalman filter of position and velocity for many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles

RESTLESS = 3.3  # metres^2 / second^3: what a second adds to the variance of a keypoint's speed,
QUICK = 4.0  # and 1 / second: how much more of the speed's square where it is quick
SUDDEN = 150.0  # metres / second^2, by which limbs of people speed up at most: a kick
SURPRISE = 3.0  # squared deviations, as many as there are directions, from where on that is likely
FADING = 0.3  # seconds in which the speed of what is not seen falls to a third
FASTEST = 3.0  # metres / second, standard deviation of a speed that is not known


def fresh(xyz: Doubles, covariance: Doubles) -> tuple[Doubles, Doubles]:
    """States (..., 6) and (..., 6, 6) of points (..., 3) seen for the first time."""
    state = np.concatenate([xyz, np.zeros_like(xyz)], -1)
    spread = np.zeros((*xyz.shape[:-1], 6, 6))
    spread[..., :3, :3] = covariance
    spread[..., 3:, 3:] = FASTEST**2 * np.eye(3)
    return state, spread


def predicted(state: Doubles, spread: Doubles, seconds: float) -> tuple[Doubles, Doubles]:
    """The same so much later: nearly constant velocity that fades, and wanders more where it is
    high, as limbs that are quick soon turn.
    """
    fade = np.exp(-seconds / FADING)
    move = np.eye(6)
    move[:3, 3:] = FADING * (1 - fade) * np.eye(3)
    move[3:, 3:] = fade * np.eye(3)
    wander = RESTLESS + QUICK * (state[..., 3:] ** 2).sum(-1)
    grown = np.kron([[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]], np.eye(3))
    return state @ move.T, move @ spread @ move.T + wander[..., None, None] * grown


def surprised(spread: Doubles, far: Doubles, seconds: float) -> Doubles:
    """(..., 6, 6) wider where points were measured `far` (...), squared deviations, from where they
    were expected: they have sped up suddenly since (a strong tracking filter, Zhou and Frank 1996).
    """
    gain = SUDDEN * np.kron([[0.5 * seconds**2], [seconds]], np.eye(3))
    return np.where((far > SURPRISE)[..., None, None], spread + gain @ gain.T, spread)


def distance(
    state: Doubles, spread: Doubles, xyz: Doubles, covariance: Doubles
) -> NDArray[np.float64]:
    """(...) Mahalanobis distances, squared, of measured points from where they were expected."""
    off = xyz - state[..., :3]
    solved = np.linalg.solve(spread[..., :3, :3] + covariance, off[..., None])[..., 0]
    squared: Doubles = (off * solved).sum(-1)
    return squared


def updated(
    state: Doubles, spread: Doubles, xyz: Doubles, covariance: Doubles
) -> tuple[Doubles, Doubles]:
    """States after points were measured, with (..., 3, 3) covariances."""
    innovation = spread[..., :3, :3] + covariance
    gain = np.linalg.solve(innovation, spread[..., :3, :]).swapaxes(-1, -2)
    state = state + (gain @ (xyz - state[..., :3])[..., None])[..., 0]
    spread = spread - gain @ spread[..., :3, :]
    return state, 0.5 * (spread + spread.swapaxes(-1, -2))
