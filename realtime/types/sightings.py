"""What a view saw of people, in the pixels of its calibrated camera."""

from __future__ import annotations

import numpy as np

from calibration.geometry.camera import Camera
from engines.types.arrays import Doubles
from realtime.types.results import Tracks


def keypoints_seen(
    tracks: Tracks, camera: Camera, size: tuple[int, int]
) -> tuple[Doubles, Doubles]:
    """(P, K, 2) pixels, NaN = not seen, and (P, K) scores, 0 = not seen, of people in a picture of
    that size (width, height), as in one of the size that the camera was calibrated for.

    Keypoints that the tracker carried over were not seen. RigError where the shapes differ.
    """
    seen = tracks.poses.found & ~tracks.filled & (tracks.poses.score > 0)
    xy = camera.from_picture(tracks.poses.xy.astype(np.float64), size)
    score = np.where(seen, tracks.poses.score, 0).astype(np.float64)
    return np.where(seen[..., None], xy, np.nan), score
