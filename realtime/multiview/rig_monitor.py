"""Warnings about a rig: cameras that are missing, black, out of step, moved or mixed up."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import inf

import numpy as np

from calibration.geometry.camera import Rig
from realtime.multiview.association import MIN_COMMON_KEYPOINTS
from realtime.multiview.time_offsets import TimeOffsets
from realtime.types.errors import SourceError
from realtime.types.results import Poses3D, View

LOG = logging.getLogger(__name__)
MAX_SILENCE_S = 1.0  # for which a camera may be black or give no frame
WATCH_INTERVAL_S = 0.2  # between pictures of a camera that are looked at for being black
BLACK_MEAN, BLACK_DEVIATION = 12.0, 6.0  # of 255: a picture below both is black
CHECK_EVERY = 5  # frames: bounds the time of the checks
MIN_EXPECTED_PEOPLE = 15  # whom a camera should have seen before it is judged by them
MIN_MATCHED_SHARE = 0.5  # of them, below which a camera does not belong to the others
# Share of the cameras facing a person that see them: with a right rig 0.9.
MIN_SEEING_SHARE = 0.7
# An offset is reported from so many seconds on, after so many instants with people who move, and
# standard deviations from 0: of a camera in step that is chance once in a million.
MIN_OFFSET_S = 0.05
MIN_MOVING_INSTANTS = 12
MIN_OFFSET_SIGMAS = 5.0

OUT_OF_STEP = (
    "is out of step with the other cameras by about %.2f s, as the motion of people shows. Run "
    "again with --offsets %s=%+.2f, and repeat until this warning is gone."
)


class RigMonitor:
    """Says each thing once. names: of the sources, in the order of the cameras."""

    def __init__(self, rig: Rig, names: Sequence[str]) -> None:
        self._rig = rig
        self._names = names
        self._sizes = np.array([camera.size for camera in rig.cameras])[:, None, None]
        views = len(names)
        self._told: set[tuple[str, int]] = set()
        self._instants = 0
        self._first: float | None = None
        self._missing = np.zeros(views, np.int64)
        self._given: list[float | None] = [None] * views  # when a view last gave anything
        self._bright: list[float | None] = [None] * views  # and when that was not black
        self._watched = [-inf] * views  # and when it was looked at for that
        self._expected, self._matched, self._people = np.zeros((3, views), np.int64)
        self._agreed = self._disagreed = 0
        self._looking = self._seeing = 0  # cameras that face a 3D person, and those that see them
        self._offsets = np.zeros(views)
        self._said: dict[int, float] = {}  # offsets that were reported
        self._period = np.inf

    def look(
        self, time: float, views: Sequence[View | None], poses: Poses3D, timing: TimeOffsets
    ) -> None:
        """The next instant, seconds; SourceError where two sources are one."""
        if self._first is None:
            self._first = time
        for v, view in enumerate(views):
            self._look_at(v, time, view)
        if self._instants % CHECK_EVERY == 0:
            self._check_same(views)
            self._check_people(views, poses)
            self._check_steps(timing)
        self._instants += 1

    def close(self) -> None:
        """What can be said when all is over."""
        for v, name in enumerate(self._names):
            if self._missing[v] and ("gone", v) not in self._told:
                LOG.warning(
                    "%s was missing in %d of %d frames; the other cameras went on without it.",
                    *(name, self._missing[v], self._instants),
                )
        for v, offset in self._said.items():
            if abs(self._offsets[v] - offset) >= 0.01:
                LOG.warning(
                    "The estimate over the whole run is --offsets %s=%+.2f.",
                    *(self._names[v], self._offsets[v]),
                )
        if self._disagreed >= MIN_EXPECTED_PEOPLE / CHECK_EVERY and not self._agreed:
            LOG.warning(
                "The cameras see people, but no two cameras agree on where anybody is. Check that "
                "each source belongs to its camera of the rig, that the cameras are in step "
                "(--offsets), and that no camera was moved."
            )

        # With two cameras, both see every 3D person.
        few = self._seeing < MIN_SEEING_SHARE * self._looking
        if len(self._names) > 2 and self._looking >= MIN_EXPECTED_PEOPLE * len(self._names) and few:
            LOG.warning(
                "The 3D people may be false: only %d %% of the cameras that face them see them. "
                "The sources may be in a different order from the rig's cameras, or the rig file "
                "may belong to another rig. To find out, run: python -m calibration check",
                100 * self._seeing / self._looking,
            )

    def _tell(self, what: str, view: int, sentence: str, *values: object) -> None:
        if (what, view) not in self._told:
            self._told.add((what, view))
            LOG.warning(sentence, self._names[view], *values)

    def _look_at(self, v: int, time: float, view: View | None) -> None:
        last = self._given[v]
        if view is None:
            self._missing[v] += 1
            if last is None:
                last = self._first
            if last is not None and time - last > MAX_SILENCE_S:
                self._tell(
                    "gone",
                    v,
                    "%s has sent no frames since %.2f s; the other cameras go on without it.",
                    last,
                )
            return
        if last is not None and 0 < time - last < self._period:
            self._period = time - last
        self._given[v] = time
        bright = self._bright[v]
        if view.frame.poses is not None or time - self._watched[v] < WATCH_INTERVAL_S:
            return
        self._watched[v] = time
        image = view.frame.image[::16, ::16]
        black = image.mean() < BLACK_MEAN and image.std() < BLACK_DEVIATION
        if not black or bright is None:
            self._bright[v] = time
        elif time - bright > MAX_SILENCE_S:
            self._tell(*("black", v, "%s has been black since %.2f s. Is it covered?"), bright)

    def _check_same(self, views: Sequence[View | None]) -> None:
        """Two cameras never see the same to the last digit."""
        first: dict[bytes, int] = {}
        for v, view in enumerate(views):
            if view is None or view.tracks.poses.found.sum() < MIN_COMMON_KEYPOINTS:
                continue
            one = first.setdefault(view.tracks.poses.xy.tobytes(), v)
            if one != v:
                raise SourceError(
                    f"{self._names[one]} and {self._names[v]} show the same picture. Give "
                    "each camera of the rig its own source."
                )

    def _check_people(self, views: Sequence[View | None], poses: Poses3D) -> None:
        """A camera should see the 3D people that the others see, where it faces them."""
        seeing = sum(view is not None and len(view.tracks) > 0 for view in views)
        self._agreed += len(poses) > 0
        self._disagreed += seeing >= 2 and not len(poses)
        body = np.array(poses.skeleton.body)
        xy = self._rig.project(poses.xyz.take(body, 1).astype(float))
        inside = ((xy >= 0) & (xy < self._sizes)).all(-1)
        given = np.array([view is not None for view in views])
        looking = inside.sum(2) > 0.5 * poses.found.take(body, 1).sum(1)  # (V, P)
        looking &= given[:, None]
        there = poses.detections.T >= 0
        expected = (there.sum(0) - there >= 2) & looking
        wanted, matched = expected.sum(1), (expected & there).sum(1)
        self._looking += int(looking.sum())
        self._seeing += int((looking & there).sum())
        self._expected += wanted
        self._matched += matched
        self._people += np.minimum([len(view.tracks) if view else 0 for view in views], wanted)
        strange = self._expected >= MIN_EXPECTED_PEOPLE
        strange &= self._people > 0.5 * self._expected
        strange &= self._matched < MIN_MATCHED_SHARE * self._expected
        for v in np.flatnonzero(strange & given).tolist():
            self._tell(
                "stranger",
                v,
                "%s sees people, but mostly not where the other cameras see them. Check that "
                "it is the right camera of the rig, that it is in step with the others "
                "(--offsets), and that it was not moved.",
            )

    def _check_steps(self, timing: TimeOffsets) -> None:
        if timing.moving_instants < MIN_MOVING_INSTANTS:
            return
        offsets, deviations = timing.offsets()
        least = max(MIN_OFFSET_S, self._period if np.isfinite(self._period) else MIN_OFFSET_S)
        # A camera that does not belong here is no matter of time.
        fits = (self._expected >= MIN_EXPECTED_PEOPLE) & (
            self._matched >= MIN_MATCHED_SHARE * self._expected
        )
        sure = fits & (np.abs(offsets) > least) & (np.abs(offsets) > MIN_OFFSET_SIGMAS * deviations)
        self._offsets = offsets
        for v in np.flatnonzero(sure).tolist():
            self._said.setdefault(v, offsets[v])
            self._tell(
                *("steps", v, f"%s {OUT_OF_STEP}", abs(offsets[v])),
                *(self._names[v], offsets[v]),
            )
