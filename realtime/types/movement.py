"""What people do: events such as jumps, and how fast they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["squat", "jump", "throw"]
KINDS: tuple[Kind, ...] = ("squat", "jump", "throw")


class Measure(NamedTuple):
    """A figure of an event, for people: what it is called, in which unit, with how many digits."""

    title: str
    unit: str
    digits: int


# What is said of events, by the names of files; which event has which, see `OF_EVENTS`.
MEASURES = {
    "depth": Measure("hips lowered by", "m", 2),
    "height": Measure("height", "m", 2),
    "flight": Measure("in the air", "s", 2),
    "release_angle": Measure("release angle", "\N{DEGREE SIGN}", 0),
    "release_speed": Measure("wrist speed", "m/s", 1),
    "release_height": Measure("release height", "m", 2),
    "knee_angle": Measure("smallest knee angle", "\N{DEGREE SIGN}", 0),
    "duration": Measure("duration", "s", 2),
}
OF_EVENTS: dict[Kind, tuple[str, ...]] = {
    "squat": ("depth", "knee_angle", "duration"),
    "jump": ("height", "flight", "knee_angle"),
    "throw": ("release_angle", "release_speed", "release_height", "knee_angle", "duration"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Something that somebody did once.

    time: of a squat its lowest point, of a jump its highest, of a throw the release. start, end:
    of a squat from standing to standing, of a jump take-off and landing, of a throw from where the
    elbow was bent most to the release. All in seconds, see Frame. number: how many of its kind
    the person has done, with this one. measures: see MEASURES; NaN = not known, as are metres
    without a scale.
    """

    kind: Kind
    time: float
    start: float
    end: float
    number: int
    measures: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Movement:
    """Somebody's movement up to a frame.

    speed: of the hips over the floor, metres a second. hips: their height over the ankles of the
    standing person in leg lengths: 1 = standing, less in a squat, more in the air. NaN = not known.
    counts: of events so far. events: those that were recognised at this frame, up to a second
    after they happened, as each is known by what follows it. latest: the person's last so far.
    """

    speed: float = float("nan")
    hips: float = float("nan")
    counts: Mapping[Kind, int] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    latest: Event | None = None


NO_MOVEMENT = Movement()
