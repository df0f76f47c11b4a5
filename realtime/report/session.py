"""What a report knows of a run: of each person numbers over time, and events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from engines.types.arrays import Doubles, Floats
from engines.types.skeleton import Skeleton
from realtime.report.series import Series
from realtime.types.joint_angles import joint_angles, joints
from realtime.types.movement import KINDS, NO_MOVEMENT, Event, Kind, Movement
from realtime.types.results import Result

MAX_PEOPLE = 24  # remembered; who was seen least and did nothing goes first
MAX_EVENTS = 2000  # of a person; further ones are counted alone
SPEED, HIPS, PIXELS, FIRST_ANGLE = 0, 1, 2, 3  # columns of a person's series


class PersonRecord:
    """One person's. camera: whose picture shows the person, "" = the 3D people."""

    def __init__(self, camera: str, number: int, skeleton: Skeleton) -> None:
        self.camera, self.number = camera, number
        self.series = Series(FIRST_ANGLE + len(joints(skeleton)))
        self.events: list[Event] = []
        self.counts: Counter[Kind] = Counter()
        self.frames = 0
        self.first = self.last = float("nan")  # seconds

    def add(self, time: float, movement: Movement, pixels: float, angles: Floats) -> None:
        """What is known at a frame."""
        if self.frames and time <= self.last:
            return
        self.first = time if self.frames == 0 else self.first
        self.last = time
        self.frames += 1
        for event in movement.events:
            self.counts[event.kind] += 1
            if len(self.events) < MAX_EVENTS:
                self.events.append(event)
        row: Doubles = np.array([movement.speed, movement.hips, pixels, *angles], float)
        self.series.add(time, row)


class Session:
    """Everybody's, in bounded memory."""

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        self._people: dict[tuple[str, int], PersonRecord] = {}
        self.left_out = 0
        self.first = self.last = float("nan")  # seconds
        self.frames = 0

    @property
    def angles(self) -> tuple[str, ...]:
        """The joints of the columns from FIRST_ANGLE on."""
        return (*joints(self._skeleton),)

    @property
    def people(self) -> list[PersonRecord]:
        """By camera and number."""
        return sorted(self._people.values(), key=lambda one: (one.camera, one.number))

    @property
    def counts(self) -> dict[Kind, int]:
        """Of everybody."""
        return {kind: sum(one.counts[kind] for one in self._people.values()) for kind in KINDS}

    def add(self, result: Result) -> None:
        """The people of an instant: those in 3D where there is a rig."""
        self.frames += 1
        self.first = result.time if self.frames == 1 else self.first
        self.last = result.time
        for camera, number, time, movement, pixels, angles in self._seen(result):
            key = camera, number
            if key not in self._people:
                self._make_room()
                self._people[key] = PersonRecord(camera, number, self._skeleton)
            self._people[key].add(time, movement, pixels, angles)

    def _seen(self, result: Result) -> Iterator[tuple[str, int, float, Movement, float, Floats]]:
        nan = float("nan")
        if (poses := result.poses3d) is not None:
            for number, angles in zip(poses.id.tolist(), joint_angles(poses), strict=True):
                movement = result.movements3d.get(number, NO_MOVEMENT)
                yield "", number, result.time, movement, nan, angles
            return
        known = result.movements or ({},) * len(result.views)
        for view, movements in zip(result.views, known, strict=True):
            if view is None:
                continue
            tracks = view.tracks
            speeds = [nan] * len(tracks) if tracks.speed is None else tracks.speed.tolist()
            every = zip(tracks.id.tolist(), speeds, joint_angles(tracks.poses), strict=True)
            for number, pixels, angles in every:
                if number >= 0:
                    movement = movements.get(number, NO_MOVEMENT)
                    yield view.frame.camera, number, view.frame.time, movement, pixels, angles

    def _make_room(self) -> None:
        if len(self._people) < MAX_PEOPLE:
            return
        # The one who came last may be about to do something.
        *others, _ = self._people
        least = min(others, key=lambda key: self._rank(self._people[key]))
        del self._people[least]
        self.left_out += 1

    @staticmethod
    def _rank(one: PersonRecord) -> tuple[int, int]:
        return one.counts.total(), one.frames
