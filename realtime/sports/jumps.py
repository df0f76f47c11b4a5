"""Jumps: both feet leave the floor, the hips rise, and the feet come back."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from engines.types.arrays import Doubles
from realtime.sports.window import Window, fit_parabola

# In leg lengths (of 0.85 m in adults):
CLEAR = 0.05  # feet so high over where they stand are in the air, beyond the noise of keypoints,
HIPS_RISE = 0.04  # and so far the hips are then above where they are when standing
LONGEST_S = 1.3  # in the air: 2 m high; who is up for longer has climbed
SHORTEST_S = 0.2  # 5 cm high: less is a step, or the noise of keypoints
# Of half the gravity that a flight may show, as legs are drawn up and the scale is not certain.
MIN_GRAVITY, MAX_GRAVITY = 0.35, 2.5
HALF_GRAVITY = 9.81 / 2
USUAL_LEG_M = 0.85
STEP_S = 0.12  # what is looked at before and after, of feet that were not in the air


@dataclass(frozen=True, slots=True)
class Jump:
    """take-off, highest point and landing in seconds; height in the unit of the places."""

    start: float
    top: float
    end: float
    height: float


class Jumps:
    """Recognises one person's jumps of how high the feet and the hips are.

    What the feet do in the air is fitted by parabolas (a body in flight is under gravity alone),
    the lower of which tells the height and the times, also between frames.
    """

    def __init__(self) -> None:
        self._lifts = Window(LONGEST_S + 0.5, 3)
        self._began: float | None = None  # when both feet were seen in the air first
        self._waits = True  # for feet on the floor

    @property
    def airborne(self) -> bool:
        """Whether both feet are in the air now, and the floor was left a short while ago."""
        return self._began is not None

    def update(
        self, time: float, feet: Doubles, hips: float, leg: float, scale: float
    ) -> Jump | None:
        """A jump that has just ended.

        feet: (2,) left and right, hips: over where they are when standing; NaN = not known. leg:
        its length in the same unit; scale: metres of that unit, NaN = not known.
        """
        known = feet[~np.isnan(feet)]
        if not len(known):
            return None
        self._lifts.add(time, *feet, hips)
        if known.min() > CLEAR * leg:
            if self._began is None and not self._waits:
                self._began = time
            if self._began is not None and time - self._began > LONGEST_S:
                self._began, self._waits = None, True
            return None
        self._waits = False
        began, self._began = self._began, None
        return None if began is None else self._jump(began, time, leg, scale)

    def _jump(self, began: float, landed: float, leg: float, scale: float) -> Jump | None:
        times = self._lifts.times
        air = (times >= began) & (times < landed)
        lifts = self._lifts.values[air]
        if np.isnan(lifts[:, 2]).all() or np.nanmax(lifts[:, 2]) < HIPS_RISE * leg:
            return None
        flights = [self._flight(times[air], lifts[:, [foot]]) for foot in (0, 1)]
        jumps = [one for one in flights if one is not None]
        if not jumps:
            return None
        lower = min(jumps, key=lambda one: one.height)
        if lower.end - lower.start < SHORTEST_S:
            return None
        curve = lower.height / ((lower.end - lower.start) / 2) ** 2
        metres = USUAL_LEG_M / leg if np.isnan(scale) else scale
        return lower if MIN_GRAVITY <= curve * metres / HALF_GRAVITY <= MAX_GRAVITY else None

    @staticmethod
    def _flight(times: Doubles, lift: Doubles) -> Jump | None:
        fitted = fit_parabola(times, lift, float(times.mean()))
        if fitted is None:
            return None
        level, slope, curve = fitted[:, 0].tolist()
        if curve >= 0:
            return None
        top = -slope / (2 * curve)
        height = level + slope * top / 2
        if height <= 0 or not times[0] - STEP_S <= times.mean() + top <= times[-1] + STEP_S:
            return None
        middle, half = float(times.mean()) + top, sqrt(height / -curve)
        return Jump(middle - half, middle, middle + half, height)
