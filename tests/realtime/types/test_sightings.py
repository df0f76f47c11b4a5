"""What a view saw, in the pixels of its camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engines.types.poses import Poses
from realtime.types.results import Tracks
from realtime.types.sightings import keypoints_seen
from tests.calibration.cameras import camera
from tests.synth import SKELETON


def test_keypoints_are_those_of_the_calibrated_size() -> None:
    """The same point in a picture half as large, pixel centres at whole numbers."""
    cam = camera()
    wide, high = cam.size
    point = np.array([0.2, -0.1, 3.0]) @ cam.rotation + cam.centre
    count = len(SKELETON.keypoints)
    half = cam.scaled((wide // 2, high // 2))
    xy = np.repeat(half.project(point)[None, None], count, 1).astype(np.float32)
    score = np.full((1, count), 0.8, np.float32)
    xy[0, 1], score[0, 1] = np.nan, 0
    tracks = Tracks.untracked(Poses(SKELETON, xy, score, np.ones(1, np.float32)))
    filled = tracks.filled.copy()
    filled[0, 2] = True  # carried over, so nobody saw it
    seen, sure = keypoints_seen(replace(tracks, filled=filled), cam, half.size)
    assert np.allclose(seen[0, 0], cam.project(point), atol=1e-3)
    assert np.isnan(seen[0, [1, 2]]).all()
    assert sure[0, [1, 2]].tolist() == [0, 0]
    assert np.allclose(sure[0, 3:], 0.8)
