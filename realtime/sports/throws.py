"""Throws: an arm is stretched, and its wrist is fast, at least as high as the shoulder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.types.arrays import Doubles
from realtime.sports.posture import bend
from realtime.sports.window import Window, bridged, fit_parabola

FAST = 2.2  # leg lengths a second of the wrist against the shoulder: 1.9 m/s of an adult
BELOW = 0.1  # leg lengths by which a releasing wrist may be below the shoulder
STRETCHED_BY, STRETCHED = 40.0, 120.0  # degrees of the elbow: by how much, and how far at least
BEFORE_S, AFTER_S = 0.6, 0.12  # of the release, in which the elbow is bent, and stretched,
AFTER_FRAMES = 2.1  # or so many frames if that is longer: in the first it may be half stretched
FIT_S = 0.05  # of a wrist's way before and after, whose fit tells its velocity: longer blunts it
BRIDGE_S = 0.2  # longest time between two frames that know a keypoint which others do not
STARTED_BY = 5.0  # degrees by which an elbow is stretched when a throw has begun
PEAK_S = 0.15  # no moment is faster before and after a release
PAUSE_S = 0.7  # between two throws of a person, at least
HISTORY_S = 2.0


@dataclass(frozen=True, slots=True)
class Throw:
    """side: 0 left, 1 right. start: when the elbow was bent most, release: when the wrist was
    fastest, seconds. angle: degrees of its way over the horizontal; speed: unit of the places a
    second; height: of the wrist, along the upward axis.
    """

    side: int
    start: float
    release: float
    angle: float
    speed: float
    height: float


class Throws:
    """Recognises one person's throws of arms: D places each of both shoulders, elbows, wrists."""

    def __init__(self, up: Doubles) -> None:
        self._up, self._size = up, len(up)
        self._arms = Window(HISTORY_S, 6 * self._size)
        # Of each side: speed against the shoulder, velocity, wrist's height, that over the
        # shoulder's, and the elbow's angle.
        self._wrists = [Window(HISTORY_S, self._size + 4) for _ in range(2)]
        self._fitted = self._judged = self._last = -np.inf

    def update(self, time: float, arms: Doubles, leg: float) -> Throw | None:
        """A throw that happened a quarter of a second ago. arms: (3, 2, D)."""
        self._arms.add(time, *arms.ravel())
        times = self._arms.times
        step = (time - times[0]) / max(len(times) - 1, 1)
        reach = max(FIT_S, 1.25 * step)
        for at in times[(times > self._fitted) & (times <= time - 2 * reach)].tolist():
            self._fit(at, reach)
            self._fitted = at
        times, after = self._wrists[0].times, max(AFTER_S, AFTER_FRAMES * step)
        ripe = np.flatnonzero((times > self._judged) & (times < self._fitted - max(PEAK_S, after)))
        found = [
            one
            for at in ripe.tolist()
            for side in (0, 1)
            if (one := self._peak(side, at, after, leg)) is not None
        ]
        if len(ripe):
            self._judged = float(times[ripe[-1]])
        if not found:
            return None
        best = max(found, key=lambda one: one.speed)
        if best.release - self._last < PAUSE_S:
            return None
        self._last = best.release
        return best

    def _fit(self, at: float, reach: float) -> None:
        """The wrists' velocities at a moment."""
        first, last = np.searchsorted(self._arms.times, [at - 2 * reach, at + 2 * reach + 1e-9])
        times = self._arms.times[first:last]
        arms = bridged(times, self._arms.values[first:last], BRIDGE_S)
        arms = arms.reshape(len(times), 3, 2, self._size)
        here = int(np.searchsorted(times, at))
        for side in (0, 1):
            shoulder, elbow, wrist = arms[:, :, side].swapaxes(0, 1)
            both = np.concatenate([wrist, wrist - shoulder], axis=1)
            row = np.full(self._size + 4, np.nan)
            near = np.abs(times - at) <= reach + 1e-9
            fitted = fit_parabola(times[near], both[near], at)
            if fitted is not None:
                (high, over), way = fitted[0].reshape(2, -1) @ self._up, fitted[1]
                row[0] = np.linalg.norm(way[self._size :])
                row[1:-3], row[-3:-1] = way[: self._size], (high, over)
            row[-1] = bend(shoulder[here], elbow[here], wrist[here])
            self._wrists[side].add(at, *row)

    def _peak(self, side: int, at: int, after_s: float, leg: float) -> Throw | None:
        """A throw whose release is near this row. after_s: in which the arm is stretched."""
        wrist = self._wrists[side]
        times, values = wrist.times, wrist.values
        if not 0 < at < len(times) - 1:
            return None
        speed = values[at, 0]
        if not speed >= FAST * leg or values[at, -2] < -BELOW * leg:
            return None
        release = times[at]
        near = np.abs(times - release) <= PEAK_S + 1e-9
        if np.nanmax(values[near, 0]) > speed:
            return None
        bent = (times >= release - BEFORE_S) & (times <= release)
        later = (times >= release) & (times <= release + after_s)
        before, after = values[bent, -1], values[later, -1]
        if np.isnan(before).all() or np.isnan(after).all():
            return None
        stretched = float(np.nanmax(after))
        if stretched < STRETCHED or stretched - float(np.nanmin(before)) < STRETCHED_BY:
            return None
        start = times[bent][before <= np.nanmin(before) + STARTED_BY][-1]
        # An arm that was out of sight meanwhile may be somebody else's.
        seen = times[(times >= start) & (times <= release) & ~np.isnan(values[:, -1])]
        if np.diff([*seen, release]).max() > max(BRIDGE_S, after_s):
            return None
        # The fastest moment lies between frames: where a parabola through three speeds has its top.
        share = 0.0
        a, b, c = values[at - 1 : at + 2, 0]
        if a == a and c == c and a - 2 * b + c < 0:
            share = float(np.clip(0.5 * (a - c) / (a - 2 * b + c), -0.5, 0.5))
        other = at + (1 if share > 0 else -1)
        row = values[at] + abs(share) * np.nan_to_num(values[other] - values[at])
        moment = float(release + abs(share) * (times[other] - release))
        way = row[1:-3]
        rise = float(way @ self._up)
        level = float(np.linalg.norm(way - rise * self._up))
        angle = float(np.degrees(np.arctan2(rise, level)))
        return Throw(
            side, float(start), moment, angle, float(np.hypot(rise, level)), float(row[-3])
        )
