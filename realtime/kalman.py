"""Points that move: a Kalman filter of position and velocity for many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.lens import Doubles

RESTLESS = 10.0  # metres / second^2, by which keypoints of people speed up as a rule
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
    """The same so much later: nearly constant velocity that fades."""
    fade = np.exp(-seconds / FADING)
    move = np.eye(6)
    move[:3, 3:] = FADING * (1 - fade) * np.eye(3)
    move[3:, 3:] = fade * np.eye(3)
    gain = np.concatenate([0.5 * seconds**2 * np.eye(3), seconds * np.eye(3)])
    return state @ move.T, move @ spread @ move.T + RESTLESS**2 * gain @ gain.T


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
