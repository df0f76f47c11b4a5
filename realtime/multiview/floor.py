"""How high the floor is on which people stand."""

from __future__ import annotations

from collections import deque
from typing import Literal

import numpy as np

from calibration.geometry.camera import Rig
from calibration.people.scale_and_floor import ANKLE_HEIGHT
from calibration.plots.viewpoint import upwards
from engines.types.skeleton import Skeleton
from realtime.types.results import Poses3D

GroundChoice = Literal["auto", "rig", "off"]
BODY_HEIGHT_M = 1.7  # of an adult, for the height of ankles alone
HEIGHTS_ABOVE_FLOOR_M = {"ankle": ANKLE_HEIGHT * BODY_HEIGHT_M, "heel": 0.02, "big_toe": 0.02}
MAX_STEPS = 600  # the newest that count: 20 s of one person at 30 fps
EVERY = 5  # frames: the floor does not move
MIN_STEPS = 15  # fewer are no estimate: the floor stays at 0
STANDING_QUANTILE = 0.25  # of the feet's heights: lower ones are noise
MAX_ORIGIN_OFFSET_M = 0.15  # bounds the noise for which the world's own floor, at 0, is left


class Ground:
    """The floor as a height along the axis of the world that is up; it only serves to be drawn,
    nobody's feet are held above it.

    wanted: "rig" is the world's 0 (its origin was put on the floor), "auto" that too where people
    stand there, else where they do stand.
    """

    def __init__(self, rig: Rig, skeleton: Skeleton, wanted: GroundChoice = "auto") -> None:
        self._up = upwards(rig)
        self._wanted = wanted
        names = [name.partition("_")[2] for name in skeleton.keypoints]
        self._feet = np.array([name in HEIGHTS_ABOVE_FLOOR_M for name in names])
        self._above = np.array([HEIGHTS_ABOVE_FLOOR_M.get(name, 0.0) for name in names])[self._feet]
        self._steps: deque[float] = deque(maxlen=MAX_STEPS)
        self._frames = 0
        self._floor = 0.0

    def update(self, poses: Poses3D) -> float | None:
        """Metres, after one more instant; None where it is not wanted."""
        if self._wanted != "auto":
            return 0.0 if self._wanted == "rig" else None
        self._frames += 1
        if len(self._steps) >= MIN_STEPS and self._frames % EVERY:
            return self._floor
        high = poses.xyz[:, self._feet] @ self._up - self._above
        high = np.where(poses.filled[:, self._feet], np.nan, high)
        # Of two feet the lower one stands, most of the time.
        lowest = np.fmin.reduce(high, axis=1, initial=np.inf)
        self._steps.extend(lowest[np.isfinite(lowest)].tolist())
        if len(self._steps) < MIN_STEPS:
            return self._floor
        floor = np.sort(self._steps)[int(STANDING_QUANTILE * len(self._steps))]
        self._floor = 0.0 if abs(floor) < MAX_ORIGIN_OFFSET_M else round(float(floor), 3)
        return self._floor
