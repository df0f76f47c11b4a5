"""People in motion whose squats, jumps and throws are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from realtime.sports.athlete import Athlete
from realtime.sports.posture import Parts
from realtime.types.movement import Event
from tests.bodies import BODY25, body

UP = np.array([0.0, 0.0, 1.0])
STATURE = 1.75
THIGH = SHANK = 0.43  # of tests.bodies.body
STANDING_HIPS = 0.95 - 1e-6
Motion = Callable[[float], Doubles]  # seconds -> (K, 3) metres, Z up
SHOT = 52.0  # degrees of the throw's release
RELEASE_S = 0.25  # from a throw's beginning to its release


def posed(hips: float = STANDING_HIPS, lift: float = 0.0, skeleton: Skeleton = BODY25) -> Doubles:
    """Somebody whose hips are so high over the soles, knees bent forward, lifted off the floor."""
    person = body((0, 0), phase=np.pi / 2, skeleton=skeleton)
    where = {name: n for n, name in enumerate(skeleton.keypoints)}
    drop = np.array([0, 0, STANDING_HIPS - hips])
    ankle_height = STANDING_HIPS - THIGH - SHANK + 1e-6
    for n, name in enumerate(skeleton.keypoints):
        if not name.endswith(("knee", "ankle", "heel", "toe")):
            person[n] -= drop
    for side, y in (("left", 0.1), ("right", -0.1)):
        hip, ankle = np.array([0, y, hips]), np.array([0, y, ankle_height])
        gap = hip[2] - ankle[2]
        ahead = np.sqrt(max(0.0, THIGH**2 - (gap / 2) ** 2))
        own = {
            "hip": hip,
            "ankle": ankle,
            "knee": np.array([ahead, y, ankle[2] + gap / 2]),
            "heel": ankle + np.array([-0.05, 0, -0.06]),
            "big_toe": ankle + np.array([0.15, 0, -0.06]),
            "small_toe": ankle + np.array([0.13, np.sign(y) * 0.05, -0.06]),
        }
        for name, at in own.items():
            if f"{side}_{name}" in where:
                person[where[f"{side}_{name}"]] = at
    return person + np.array([0, 0, lift])


def knee_angle(hips: float) -> float:
    """Degrees of the knees of `posed`."""
    gap = hips - (STANDING_HIPS - THIGH - SHANK + 1e-6)
    return float(2 * np.degrees(np.arcsin(gap / 2 / THIGH)))


def squats(count: int, period: float = 2.0, low: float = 0.5, rest: float = 1.0) -> Motion:
    """Down to hips of `low` metres and up again, `count` times after a second of standing."""

    def at(time: float) -> Doubles:
        turn = (time - 1.0) / (period + rest)
        share = (turn % 1) * (period + rest) / period
        if turn < 0 or turn >= count or share > 1:
            return posed()
        return posed(STANDING_HIPS - (STANDING_HIPS - low) * np.sin(np.pi * share) ** 2)

    return at


def jumps(count: int, height: float = 0.3, dip: float = 0.7, every: float = 2.5) -> Motion:
    """A dip, a flight under gravity, a landing that gives way, `count` times."""
    flight = 2 * np.sqrt(2 * height / 9.81)

    def at(time: float) -> Doubles:
        turn, begun = divmod(time - 1.0, every)
        if not 0 <= turn < count:
            return posed()
        if begun < 0.6:  # down and up
            return posed(STANDING_HIPS - (STANDING_HIPS - dip) * np.sin(np.pi * begun / 0.6) ** 2)
        air = begun - 0.6
        if air < flight:
            return posed(lift=9.81 / 2 * air * (flight - air))
        landing = air - flight
        if landing < 0.4:
            return posed(STANDING_HIPS - (STANDING_HIPS - dip) * np.sin(np.pi * landing / 0.4) ** 2)
        return posed()

    return at


def throws(count: int, every: float = 2.0, angle: float = SHOT, speed: float = 4.0) -> Motion:
    """The right arm is stretched from beside the head, `count` times; its wrist is fastest at the
    release, a quarter of a second in, and then `speed` metres a second fast at `angle` degrees.
    """
    where = {name: n for n, name in enumerate(BODY25.keypoints)}
    way = np.array([np.cos(np.radians(angle)), 0, np.sin(np.radians(angle))])
    width = 0.05  # seconds: the standard deviation of the speed in time, a Gaussian

    def travelled(since: float) -> float:
        steps = np.linspace(-0.25, since, 400)
        return float(np.trapezoid(speed * np.exp(-0.5 * (steps / width) ** 2), steps))

    def at(time: float) -> Doubles:
        person = posed()
        turn, begun = divmod(time - 1.0, every)
        shoulder = person[where["right_shoulder"]]
        rest = shoulder + 0.54 * np.array([0.4, 0, 0.1])
        wrist = shoulder + np.array([-0.03, 0, 0.05])
        if 0 <= turn < count and begun < 0.5:
            wrist = wrist + way * travelled(begun - RELEASE_S)
        elif 0 <= turn < count and begun < 1.0:
            share = (begun - 0.5) / 0.5
            wrist = wrist + way * travelled(0.25) * (1 - share * share * (3 - 2 * share))
        elif turn < 0:
            wrist = rest + (wrist - rest) * max(0.0, min(1.0, time))
        reach = wrist - shoulder
        gap = np.linalg.norm(reach)
        bent = np.sqrt(0.28**2 - (gap / 2) ** 2)  # both halves of an arm are 28 cm long
        out = np.cross(reach / gap, (0, 1, 0))
        person[where["right_wrist"]] = wrist
        person[where["right_elbow"]] = shoulder + reach / 2 + bent * out
        return person

    return at


def moments(fps: float, seconds: float, shift: float = 0.013) -> Iterator[float]:
    """The times of frames; none falls on the beginning of a movement."""
    for n in range(int(seconds * fps)):
        yield shift + n / fps


def pictured(points: Doubles, pixels: float = 180.0) -> Doubles:
    """(K, 2) of (K, 3): as a camera far away sees it, `pixels` a metre, from the person's right."""
    return np.stack([640 + pixels * points[:, 0], 600 - pixels * points[:, 2]], axis=1)


def events_of(
    motion: Motion,
    fps: float,
    seconds: float,
    *,
    flat: bool = False,
    stature: float | None = None,
    change: Callable[[int, Doubles], Doubles | None] = lambda _, points: points,
    skeleton: Skeleton = BODY25,
) -> list[Event]:
    """What is recognised. flat: in a picture. change: of each frame's points; None = not seen."""
    up = np.array([0.0, -1.0]) if flat else UP
    athlete = Athlete(Parts.of(skeleton), up, (stature or float("nan")) if flat else None)
    found: list[Event] = []
    for n, time in enumerate(moments(fps, seconds)):
        points = motion(time)
        points = points[[BODY25.keypoints.index(name) for name in skeleton.keypoints]]
        seen = change(n, pictured(points) if flat else points)
        if seen is not None:
            found += athlete.update(time, seen).events
    return found
