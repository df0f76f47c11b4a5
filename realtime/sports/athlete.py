"""One person's movements, frame after frame."""

from __future__ import annotations

from collections import Counter

import numpy as np

from engines.types.arrays import Doubles
from realtime.sports.jumps import Jump, Jumps
from realtime.sports.posture import FOOT, Parts, bend, middle, places, without_spikes
from realtime.sports.squats import Squat, Squats
from realtime.sports.throws import Throw, Throws
from realtime.sports.window import Window, known_quantile, standing_level
from realtime.types.movement import Event, Kind, Movement

# Of a body standing upright, in statures, from the ankles to the shoulders: Drillis and Contini
# 1966, in Winter, Biomechanics and Motor Control of Human Movement, figure 4.1.
ANKLES_TO_SHOULDERS = 0.818 - 0.039
SIZE_S = 10.0  # in which limbs are seen in full length now and then: longer than a squat
SIZE_QUANTILE = 0.8  # of a limb's lengths: lower ones are foreshortened, higher ones noise
SIZE_STEP_S = 0.1
FLOOR_S = 3.0  # of feet, by which the height is learnt on which they stand
FLOOR_NEEDS_S = 0.4
FLOOR_SPREAD = 0.04  # leg lengths
SPEED_S = 0.3  # of the hips, by which their speed is told
GAP_S = 1.0  # unseen: what somebody was about to do is forgotten, where they stand too
SPIKE = 0.35  # leg lengths that no keypoint goes away from both neighbouring frames
SOLES = np.array([0, 0, 0.08])  # of toes, heels and ankles over the floor, leg lengths (Winter)
KNEES_S = 1.0  # before a take-off or a release, in which the knees are bent


class Athlete:
    """Recognises and counts what one person does.

    up: (D,) the upward axis, of unit length. stature: metres, None = places are metres; NaN =
    places are pixels and nobody knows the scale.
    """

    def __init__(self, parts: Parts, up: Doubles, stature: float | None) -> None:
        self._parts, self._up, self._stature = parts, up, stature
        self._sizes = Window(SIZE_S, 2)
        self._leg = self._trunk = float("nan")
        self._counts: Counter[Kind] = Counter()
        self._latest: Event | None = None
        self.seen = -np.inf  # seconds
        self._begin()

    def _begin(self) -> None:
        self._before: list[tuple[float, Doubles]] = []
        self._soles = Window(FLOOR_S, 7)  # heights: of toes, heels, ankles, left and right; hips
        self._hips = Window(SPEED_S, len(self._up))
        self._knees = Window(3.0, 1)
        self._squats, self._jumps, self._throws = Squats(), Jumps(), Throws(self._up)
        self._levels: Doubles | None = None
        self._landed = -np.inf

    def update(self, time: float, points: Doubles, speed: float = float("nan")) -> Movement:
        """What is known after a frame more: (K, D) places, NaN = not known. speed: in pixels a
        second, where the tracker knows it, which takes a moving camera out.
        """
        if time <= self.seen:  # photos, or a clip that begins anew
            return Movement(counts=dict(self._counts), latest=self._latest)
        if time - self.seen > GAP_S:
            self._begin()
        self.seen = time
        self._before.append((time, points))
        self._measure_limbs(time, points)
        found: list[Event] = []
        hips = float("nan")
        if len(self._before) == 3:
            (_, first), (middle_time, second), (_, third) = self._before
            reach = SPIKE * self._leg if self._leg == self._leg else np.inf
            clean = without_spikes(first, second, third, reach)
            hips, found = self._analyse(middle_time, clean)
            self._before.pop(0)
        own = self._speed(time, points) if self._stature is None else speed * self.scale
        if found:
            self._latest = found[-1]
        return Movement(own, hips, dict(self._counts), tuple(found), self._latest)

    @property
    def scale(self) -> float:
        """Metres of the places' unit, NaN = not known."""
        if self._stature is None:
            return 1.0
        return self._stature * ANKLES_TO_SHOULDERS / (self._leg + self._trunk)

    def _measure_limbs(self, time: float, points: Doubles) -> None:
        """Learn the lengths of legs and trunk."""
        if len(self._sizes) and time - self._sizes.times[-1] < SIZE_STEP_S - 1e-6:
            return
        parts = self._parts
        hip, knee, ankle = (places(points, one) for one in (parts.hip, parts.knee, parts.ankle))
        legs = np.linalg.norm(hip - knee, axis=1) + np.linalg.norm(knee - ankle, axis=1)
        trunk = np.linalg.norm(middle(places(points, parts.shoulder)) - middle(hip))
        self._sizes.add(time, float(middle(legs[:, None])[0]), float(trunk))
        leg, torso = self._sizes.values.T
        self._leg = known_quantile(leg, SIZE_QUANTILE)
        self._trunk = known_quantile(torso, SIZE_QUANTILE)

    def _analyse(self, time: float, points: Doubles) -> tuple[float, list[Event]]:
        """How high the hips are, and what has become certain."""
        parts, up, leg = self._parts, self._up, self._leg
        if leg != leg:
            return float("nan"), []
        hip, knee, ankle = (places(points, one) for one in (parts.hip, parts.knee, parts.ankle))
        knees = bend(hip, knee, ankle)
        self._knees.add(time, float(middle(knees[:, None])[0]))
        hips = float(middle(hip) @ up)
        soles = np.array([places(points, getattr(parts, part)) @ up for part in FOOT])
        self._soles.add(time, *soles.ravel(), hips)
        feet, rise = self._lifts(soles, hips)
        ratio = (hips - float(middle(ankle) @ up)) / leg
        found: list[Event] = []
        jump = self._jumps.update(time, feet, rise, leg, self.scale)
        if jump is not None:
            self._landed = jump.end
            found.append(self._of_jump(jump))
        squat = self._squats.update(time, ratio, self._landed, self._jumps.airborne)
        if squat is not None:
            found.append(self._of_squat(squat))
        arms = np.array([places(points, one) for one in (parts.shoulder, parts.elbow, parts.wrist)])
        throw = self._throws.update(time, arms, leg)
        if throw is not None:
            found.append(self._of_throw(throw))
        level = self._levels
        standing = np.nan if level is None else float(np.nanmean(level[2]))
        return (hips - standing) / leg, found

    def _lifts(self, soles: Doubles, hips: float) -> tuple[Doubles, float]:
        """(2,) how high the feet are over where they stand, and the hips over the standing
        person's.
        """
        times, values = self._soles.times, self._soles.values
        if times[-1] - times[0] < FLOOR_NEEDS_S:
            return np.full(2, np.nan), float("nan")
        spread = FLOOR_SPREAD * self._leg
        level = np.array([standing_level(column, spread) for column in values[:, :6].T])
        self._levels = levels = level.reshape(3, 2)
        lifts = soles - levels
        known = ~np.isnan(lifts)
        first = known.argmax(axis=0)  # toes if they are known, else the heel, else the ankle
        feet = lifts[first, (0, 1)]
        # Standing hips are a leg above the ankles, whatever they do now.
        with np.errstate(invalid="ignore"):
            ankles = middle(levels[2][:, None])[0]
        return feet, hips - float(ankles) - self._leg

    @property
    def _floor(self) -> float:
        """Along the upward axis, where the feet stand; NaN = not known."""
        if self._levels is None or np.isnan(self._levels).all():
            return float("nan")
        return float(np.nanmin(self._levels - SOLES[:, None] * self._leg))

    def _speed(self, time: float, points: Doubles) -> float:
        """Of the hips over the floor, by a line through their last places."""
        hips = middle(places(points, self._parts.hip))
        self._hips.add(time, *(hips - (hips @ self._up) * self._up))
        times, values = self._hips.times, self._hips.values
        known = ~np.isnan(values).any(axis=1)
        if known.sum() < 3:
            return float("nan")
        dt = times[known] - times[known].mean()
        slope = dt @ values[known] / (dt @ dt)
        return float(np.linalg.norm(slope))

    def _knee_angle(self, start: float, end: float) -> float:
        """Degrees, the smallest of both legs' mean."""
        seen = self._knees.since(start, end)
        return float("nan") if np.isnan(seen).all() else float(np.nanmin(seen))

    def _event(self, kind: Kind, time: float, start: float, end: float, **measures: float) -> Event:
        self._counts[kind] += 1
        return Event(kind, time, start, end, self._counts[kind], measures)

    def _of_squat(self, one: Squat) -> Event:
        return self._event(
            *("squat", one.bottom, one.start, one.end),
            depth=one.depth * self._leg * self.scale,
            knee_angle=self._knee_angle(one.start, one.end),
            duration=one.end - one.start,
        )

    def _of_jump(self, one: Jump) -> Event:
        return self._event(
            *("jump", one.top, one.start, one.end),
            height=one.height * self.scale,
            flight=one.end - one.start,
            knee_angle=self._knee_angle(one.start - KNEES_S, one.start),
        )

    def _of_throw(self, one: Throw) -> Event:
        return self._event(
            *("throw", one.release, one.start, one.release),
            release_angle=one.angle,
            release_speed=one.speed * self.scale,
            release_height=(one.height - self._floor) * self.scale,
            knee_angle=self._knee_angle(one.release - KNEES_S, one.release),
            duration=one.release - one.start,
        )
