"""The movements of everybody in a run's results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from calibration.geometry.camera import Rig
from calibration.plots.viewpoint import upwards
from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from realtime.sports.athlete import Athlete
from realtime.sports.posture import Parts
from realtime.types.movement import Movement
from realtime.types.results import Poses3D, Result, Tracks

MAX_PEOPLE = 64  # remembered of a camera, or of all together in 3D; those unseen longest go first
Movements = Mapping[int, Movement]


class MovementAnalysis:
    """Adds movements to results, one after the other. With a rig those of the 3D people, else those
    of each camera's, whose picture must be level; how far a camera that is not still moves the
    background is taken out.

    stature: metres of everybody's height, by which the pictures have a scale; None = unknown.
    SettingsError where the skeleton is no whole body.
    """

    def __init__(
        self, skeleton: Skeleton, cameras: int, rig: Rig | None, stature: float | None
    ) -> None:
        self._parts = Parts.of(skeleton)
        self._stature = float("nan") if stature is None else stature
        self._up = None if rig is None else upwards(rig)
        self._space: dict[int, Athlete] = {}
        self._pictures: list[dict[int, Athlete]] = [{} for _ in range(cameras)]
        self._shifts = np.zeros((cameras, 2))  # pixels, of the background since the beginning

    def add_to(self, result: Result) -> Result:
        """The result with the movements of its people, see Result.movements."""
        if self._up is not None:
            found = self._of_space(result.time, result.poses3d, self._up)
            return replace(result, movements=(found,) * len(result.views))
        return replace(
            result,
            movements=tuple(
                self._of_picture(view.frame.time, view.tracks, people, shift) if view else {}
                for view, people, shift in zip(
                    result.views, self._pictures, self._shifts, strict=True
                )
            ),
        )

    def _of_space(self, time: float, poses: Poses3D | None, up: Doubles) -> Movements:
        if poses is None:
            return {}
        # A filter is late where bodies speed up, as they do in all of these.
        poses = poses.as_measured()
        xyz = np.where(poses.filled[..., None], np.nan, poses.xyz.astype(float))
        found = {}
        for person, points in zip(poses.id.tolist(), xyz, strict=True):
            if person not in self._space:
                self._space[person] = Athlete(self._parts, up, None)
            found[person] = self._space[person].update(time, points)
        _forget(self._space)
        return found

    def _of_picture(
        self, time: float, tracks: Tracks, people: dict[int, Athlete], shift: Doubles
    ) -> Movements:
        """shift: (2,) of the background until the frame before, which this one adds to."""
        found = {}
        if tracks.camera is not None:
            shift += tracks.camera
        xy = np.where(tracks.filled[..., None], np.nan, tracks.poses.xy.astype(float)) - shift
        speeds = [float("nan")] * len(tracks) if tracks.speed is None else tracks.speed.tolist()
        for person, points, speed in zip(tracks.id.tolist(), xy, speeds, strict=True):
            if person < 0:  # nobody knows who that is in the next frame
                continue
            if person not in people:
                people[person] = Athlete(self._parts, np.array([0.0, -1.0]), self._stature)
            found[person] = people[person].update(time, points, speed)
        _forget(people)
        return found


def _forget(people: dict[int, Athlete]) -> None:
    if len(people) > MAX_PEOPLE:
        for person in sorted(people, key=lambda one: people[one].seen)[:-MAX_PEOPLE]:
            del people[person]
