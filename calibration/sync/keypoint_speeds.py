"""How fast the keypoints of tracked people move in a recording."""

from __future__ import annotations

import numpy as np

from calibration.sync.correlation import MIN_SAMPLES, MotionSignal
from calibration.sync.resampling import PeopleRecording

# Seconds over which speeds are taken, 4 frames at 25 fps: a frame's would be noise.
SPEED_INTERVAL_S = 0.16


def speeds(recording: PeopleRecording) -> dict[int, MotionSignal]:
    """By track: how fast each keypoint moves, in sizes of the body."""
    crowd, out = recording.crowd, {}
    reach = max(1, round(SPEED_INTERVAL_S / 2 / recording.period))
    for track in np.unique(crowd.track):
        rows = np.flatnonzero(crowd.track == track)
        frames = crowd.instant[rows]
        if len(rows) < MIN_SAMPLES:
            continue
        first = frames.min()
        xy = np.full((frames.max() - first + 1, *crowd.xy.shape[1:]), np.nan)
        xy[frames - first] = crowd.xy[rows]
        size = float(np.median(crowd.sigma[rows]))
        speeds = np.full(xy.shape[:2], np.nan)
        if len(xy) > 2 * reach:
            speeds[reach:-reach] = np.linalg.norm(xy[2 * reach :] - xy[: -2 * reach], axis=-1)
        speeds[:, np.isfinite(speeds).sum(0) < MIN_SAMPLES] = 0  # no deviation: does not count
        out[int(track)] = MotionSignal(recording.times[first : first + len(xy)], speeds / size)
    return out
