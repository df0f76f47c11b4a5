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

Wanted = Literal["auto", "rig", "off"]
TALL = 1.7  # metres, for the height of ankles alone
FEET = {"ankle": ANKLE_HEIGHT * TALL, "heel": 0.02, "big_toe": 0.02}  # metres above the floor
KEPT = 600  # steps
LEAST = 15  # of them
STANDING = 0.25  # share of the steps that are lower than the floor has it: noise, and holes
OWN = 0.15  # metres from people's feet within which the floor is the world's own, at 0


class Ground:
    """The floor as a height along the axis of the world that is up; it only serves to be drawn,
    nobody's feet are held above it.

    wanted: "rig" is the world's 0 (its origin was put on the floor), "auto" that too where people
    stand there, else where they do stand.
    """

    def __init__(self, rig: Rig, skeleton: Skeleton, wanted: Wanted = "auto") -> None:
        self._up = upwards(rig)
        self._wanted = wanted
        names = [name.partition("_")[2] for name in skeleton.keypoints]
        self._feet = np.array([name in FEET for name in names])
        self._above = np.array([FEET.get(name, 0.0) for name in names])[self._feet]
        self._steps: deque[float] = deque(maxlen=KEPT)

    def update(self, poses: Poses3D) -> float | None:
        """Metres, after one more instant; None where it is not wanted."""
        if self._wanted != "auto":
            return 0.0 if self._wanted == "rig" else None
        high = poses.xyz[:, self._feet] @ self._up - self._above
        high = np.where(poses.filled[:, self._feet], np.nan, high)
        known = np.isfinite(high).any(1)
        self._steps.extend(np.nanmin(high[known], axis=1).tolist())
        if len(self._steps) < LEAST:
            return 0.0
        # Of two feet the lower one stands, most of the time.
        floor = float(np.quantile(self._steps, STANDING))
        return 0.0 if abs(floor) < OWN else round(floor, 3)
