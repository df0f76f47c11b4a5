"""Whether the cameras of a rig do what they should, and a sentence where they do not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from calibration.geometry.camera import Rig
from realtime.multiview.association import LEAST
from realtime.multiview.time_offsets import Timing
from realtime.types.errors import SourceError
from realtime.types.results import Poses3D, View

LOG = logging.getLogger(__name__)
PATIENCE = 1.0  # seconds for which a camera may be black or say nothing
DARK, DULL = 12.0, 6.0  # mean and standard deviation of a picture, below which it is black
EVERY = 5  # instants from one that is looked at to the next
ENOUGH = 15  # people whom a camera should have seen before it is judged by them
STRANGER = 0.5  # share of them below which it does not belong to the others
SEEN = (
    0.7  # share of the cameras, of those that look there, that see somebody; with a right rig 0.9
)
OFF = 0.05  # seconds, and
LOOKS = 12  # instants that must have shown it, and
SURE = 5.0  # standard deviations, from where on a camera is out of step


STEPS = (
    "is out of step with the other cameras, by about %.2f s: people who move show it. --offsets "
    "%s=%+.2f would bring it nearer; run again until this is not said."
)


class RigMonitor:
    """Says each thing once. names: of the sources, in the order of the cameras."""

    def __init__(self, rig: Rig, names: Sequence[str]) -> None:
        self._rig = rig
        self._names = names
        views = len(names)
        self._told: set[tuple[str, int]] = set()
        self._instants = 0
        self._first: float | None = None
        self._missing = np.zeros(views, np.int64)
        self._given: list[float | None] = [None] * views  # when a view last gave anything
        self._bright: list[float | None] = [None] * views  # and when that was not black
        self._expected, self._matched, self._people = np.zeros((3, views), np.int64)
        self._agreed = self._disagreed = 0
        self._looking = self._seeing = 0  # cameras at somebody in space, and those that see them
        self._offsets = np.zeros(views)
        self._said: dict[int, float] = {}  # offsets that were told
        self._period = np.inf

    def look(
        self, time: float, views: Sequence[View | None], poses: Poses3D, timing: Timing
    ) -> None:
        """The next instant, seconds; SourceError where two sources are one."""
        if self._first is None:
            self._first = time
        for v, view in enumerate(views):
            self._look_at(v, time, view)
        if self._instants % EVERY == 0:
            self._check_same(views)
            self._check_people(views, poses)
            self._check_steps(timing)
        self._instants += 1

    def close(self) -> None:
        """What can be said when all is over."""
        for v, name in enumerate(self._names):
            if self._missing[v] and ("gone", v) not in self._told:
                LOG.warning(
                    "%s was missing in %d of %d instants; the others went on without it.",
                    *(name, self._missing[v], self._instants),
                )
        for v, offset in self._said.items():
            if abs(self._offsets[v] - offset) >= 0.01:
                LOG.warning(
                    "Over the whole run --offsets %s=%+.2f.", self._names[v], self._offsets[v]
                )
        if self._disagreed >= ENOUGH / EVERY and not self._agreed:
            LOG.warning(
                "The cameras see people, but no two of them agree on where anybody is: check that "
                "each source has its own camera of the rig, that they are in step (--offsets), and "
                "that no camera was moved."
            )

        # Of two cameras both see whoever is in space.
        few = self._seeing < SEEN * self._looking
        if len(self._names) > 2 and self._looking >= ENOUGH * len(self._names) and few:
            LOG.warning(
                "These people in space may be none: of the cameras that look where they are, only "
                "%d %% see them. The sources may be in another order than the rig's cameras, or "
                "the rig may be another's; python -m calibration check tells.",
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
            if last is not None and time - last > PATIENCE:
                self._tell("gone", v, "%s gives nothing since %.2f s; the others go on.", last)
            return
        if last is not None and 0 < time - last < self._period:
            self._period = time - last
        self._given[v] = time
        image = view.frame.image[::16, ::16]
        black = view.frame.poses is None and image.mean() < DARK and image.std() < DULL
        bright = self._bright[v]
        if not black or bright is None:
            self._bright[v] = time
        elif time - bright > PATIENCE:
            self._tell(
                *("black", v, "%s is black since %.2f s: is it covered? The others go on."), bright
            )

    def _check_same(self, views: Sequence[View | None]) -> None:
        """Two cameras never see the same to the last digit."""
        for one, other in combinations(range(len(views)), 2):
            a, b = views[one], views[other]
            if a is None or b is None or len(a.tracks) != len(b.tracks):
                continue
            mine, theirs = a.tracks.poses, b.tracks.poses
            if mine.found.sum() >= LEAST and np.array_equal(mine.xy, theirs.xy, equal_nan=True):
                raise SourceError(
                    f"{self._names[one]} and {self._names[other]} show the same picture: give "
                    "each camera of the rig a source of its own."
                )

    def _check_people(self, views: Sequence[View | None], poses: Poses3D) -> None:
        """Whom the others see in space, a camera should see where it looks."""
        seeing = sum(view is not None and len(view.tracks) > 0 for view in views)
        self._agreed += len(poses) > 0
        self._disagreed += seeing >= 2 and not len(poses)
        xy = self._rig.project(poses.xyz.astype(float))
        body = np.array(poses.skeleton.body)
        for v, view in enumerate(views):
            if view is None:
                continue
            inside = ((xy[v] >= 0) & (xy[v] < self._rig.cameras[v].size)).all(-1)
            others = (np.delete(poses.detections, v, 1) >= 0).sum(1) >= 2
            looking = inside[:, body].sum(1) > 0.5 * poses.found[:, body].sum(1)
            self._looking += int(looking.sum())
            self._seeing += int((looking & (poses.detections[:, v] >= 0)).sum())
            expected = others & looking
            self._expected[v] += expected.sum()
            self._matched[v] += (expected & (poses.detections[:, v] >= 0)).sum()
            self._people[v] += min(len(view.tracks), expected.sum())
            if (
                self._expected[v] >= ENOUGH
                and self._people[v] > 0.5 * self._expected[v]
                and self._matched[v] < STRANGER * self._expected[v]
            ):
                self._tell(
                    "stranger",
                    v,
                    "%s sees people, but mostly not where the other cameras have them: check that "
                    "it is the camera of the rig that it is taken for, in step (--offsets), and "
                    "was not moved.",
                )

    def _check_steps(self, timing: Timing) -> None:
        if timing.looks < LOOKS:
            return
        offsets, spread = timing.offsets()
        least = max(OFF, self._period if np.isfinite(self._period) else OFF)
        # A camera that does not belong here is no matter of time.
        fits = (self._expected >= ENOUGH) & (self._matched >= STRANGER * self._expected)
        sure = fits & (np.abs(offsets) > least) & (np.abs(offsets) > SURE * spread)
        self._offsets = offsets
        for v in np.flatnonzero(sure).tolist():
            self._said.setdefault(v, offsets[v])
            self._tell(
                *("steps", v, f"%s {STEPS}", abs(offsets[v])),
                *(self._names[v], offsets[v]),
            )
