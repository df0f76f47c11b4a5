"""Calibrated cameras, and points in space from what several of them see."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.files.rig_toml import read_rig
from calibration.geometry.arrays import Doubles
from calibration.geometry.camera import Rig
from calibration.geometry.triangulation import triangulate as triangulate_views
from posestream.errors import PosestreamError, expect, numbers, translated


@dataclass(frozen=True, slots=True, eq=False)
class Points3D:
    """N points. xyz: (N, 3) metres, NaN where fewer than two views agree. covariance: (N, 3, 3)
    square metres. error: (N,) root mean square distance from the views, pixels. views: (N,) how
    many each rests on.
    """

    xyz: Doubles
    covariance: Doubles
    error: Doubles
    views: NDArray[np.int64]


@translated()
def load_rig(path: str | os.PathLike[str]) -> Rig:
    """The cameras of a rig file, as `posestream calibrate extrinsics` writes it."""
    expect(path, (str, os.PathLike), "A rig file is named by its path")
    return read_rig(os.fspath(path))


@translated()
def triangulate(
    rig: Rig, points: ArrayLike, scores: ArrayLike | None = None, *, sigma: float = 1.0
) -> Points3D:
    """Points in space: weighted DLT, views that do not fit left out, Levenberg-Marquardt.

    points: (V, N, 2) pixels in the pictures of the rig's V cameras, NaN = not seen. scores: (V, N)
    0..1. sigma: pixels that a sighting is off by in each direction, as a rule; the covariance
    follows from it.

    >>> from posestream import Camera
    >>> lens = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
    >>> left = Camera("left", (640, 480), lens)
    >>> right = Camera("right", (640, 480), lens, translation=np.array([-1.0, 0, 0]))  # 1 m apart
    >>> found = triangulate(Rig((left, right)), [[[420, 240]], [[170, 240]]])
    >>> found.xyz.round(3).tolist(), found.covariance.shape
    ([[0.4, 0.0, 2.0]], (1, 3, 3))
    """
    expect(rig, Rig, "The first argument is a Rig, as load_rig gives it")
    xy = numbers(points, "Points")
    views = len(rig.cameras)
    if xy.ndim != 3 or len(xy) != views or xy.shape[2] != 2:
        raise PosestreamError(
            f"Points for this rig are an array ({views}, points, 2), not {xy.shape}."
        )
    weight = None if scores is None else numbers(scores, "Scores")
    if weight is not None and weight.shape != xy.shape[:2]:
        raise PosestreamError(f"Scores have shape {weight.shape}, not {xy.shape[:2]}.")
    found = triangulate_views(rig, xy, weight, sigma=sigma)
    return Points3D(found.xyz, found.covariance, found.error, found.views)
