"""What a view saw of people, in the pixels of its calibrated camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calibration.geometry.camera import Camera
from calibration.people.observations import MIN_COMMON_KEYPOINTS, Crowd
from engines.types.arrays import Doubles
from engines.types.oks import areas
from realtime.types.results import Tracks, View

# Of the picture's height to which a network can tell where something is, as
# multiview/association.py.
NETWORK_RASTER = 0.004


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


def crowd_of(camera: Camera, view: View, instant: int) -> Crowd:
    """Those who have an id, in the pixels of the camera's calibration."""
    tracks = view.tracks
    # JSON does not say how large its pictures were: they count as the camera's own.
    size_of = view.frame.size if view.frame.poses is None else camera.size
    xy, score = keypoints_seen(tracks, camera, size_of)
    rows = np.flatnonzero((tracks.id >= 0) & ((score > 0).sum(1) >= MIN_COMMON_KEYPOINTS))
    xy = xy[rows]
    size = np.sqrt(areas(xy.astype(np.float32))).astype(np.float64)
    sigmas = np.array(tracks.poses.skeleton.sigmas)
    return Crowd(
        np.full(len(rows), instant, np.int64),
        tracks.id[rows],
        xy,
        score[rows],
        np.hypot(sigmas * size[:, None], NETWORK_RASTER * camera.size[1]),
    )


def joined(parts: Sequence[Crowd]) -> Crowd:
    """One of several of a camera, at least one."""
    arrays = (
        np.concatenate([getattr(one, name) for one in parts])
        for name in ("instant", "track", "xy", "score", "sigma")
    )
    return Crowd(*arrays)
