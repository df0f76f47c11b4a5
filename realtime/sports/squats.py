"""Squats: the hips go down towards the ankles, and up again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.sports.window import Window

# In leg lengths between hips and ankles; a leg is bent by 105 degrees at the knee at 0.75 or so.
STANDING, LOW = 0.9, 0.75
SHORTEST_S, LONGEST_S = 0.4, 10.0  # who stays down for longer has sat down
SETTLED_S = 0.4  # standing for so long makes a squat; who leaves the floor before has jumped
LANDING_S = 0.7  # going down so soon after a jump is its landing


@dataclass(frozen=True, slots=True)
class Squat:
    """times in seconds, depth in leg lengths."""

    start: float
    bottom: float
    end: float
    depth: float


class Squats:
    """Recognises one person's squats of how high the hips are."""

    def __init__(self) -> None:
        self._ratios = Window(LONGEST_S + 1, 1)
        self._start: float | None = None  # when standing ended; None = was not seen standing
        self._bottom: tuple[float, float] | None = None  # ratio and time of the lowest so far
        self._done: Squat | None = None

    def update(self, time: float, ratio: float, landed: float, airborne: bool) -> Squat | None:
        """A squat that has become certain. ratio: of hips over ankles in leg lengths, NaN = not
        known; landed: when the last jump ended; airborne: whether one goes on.
        """
        if airborne:
            self._start = self._bottom = self._done = None
            return None
        if ratio != ratio:
            return None
        self._ratios.add(time, ratio)
        if ratio >= STANDING:
            if self._bottom is not None and self._start is not None:
                self._done = self._squat(self._start, self._bottom, time, landed)
            self._start, self._bottom = time, None
        elif ratio < min(LOW, self._bottom[0] if self._bottom else LOW) and self._start is not None:
            self._bottom = ratio, time
        # Going down again instead of jumping makes it certain too.
        done = self._done
        if done is None or (time - done.end < SETTLED_S and self._bottom is None):
            return None
        self._done = None
        return done

    def _squat(
        self, start: float, lowest: tuple[float, float], end: float, landed: float
    ) -> Squat | None:
        ratio, bottom = lowest
        if not SHORTEST_S <= end - start <= LONGEST_S or start - landed < LANDING_S:
            return None
        upright = float(np.median(self._ratios.since(start - 0.5, start)))
        return Squat(start, bottom, end, upright - ratio)
