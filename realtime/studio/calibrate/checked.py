"""Whether a rig still is right, by the people whom the run sees, and how to mend it."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError
from calibration.guidance.intrinsics_guide import Advice
from calibration.people.observations import Crowd
from calibration.reports.rig_check import check_report
from calibration.verification.check import check_people
from calibration.verification.readjust import readjust
from engines.types.arrays import Image
from realtime.studio.calibrate.guided import Outcome
from realtime.studio.calibrate.rig_folder import RigFolder
from realtime.types.results import Result
from realtime.types.sightings import crowd_of, joined

SECONDS = 30.0  # of the run in which people are watched
INTERVAL = 0.1  # seconds between two instants: people who stand still tell nothing new
MIN_INSTANTS = 20  # with people in two cameras, after which it makes sense to stop (rule of thumb)
# Of the error before that must be left at most for a mended rig to be written.
MAX_ERROR_RATIO = 0.9


class CheckGuided:
    """Gathers what cameras see of people; `mend` is for when it was solved."""

    kind = "check"

    def __init__(self, rig: Rig, name: str, folder: RigFolder) -> None:
        self._rig, self._name, self._folder = rig, name, folder
        self._parts: list[list[Crowd]] = [[] for _ in rig.cameras]
        self._began: float | None = None
        self._last = -np.inf
        self._seconds = 0.0
        self._count = self._shared = 0

    def look(self, result: Result) -> Advice | None:
        if self._began is None or result.time < self._began:
            self._began = result.time
        self._seconds = result.time - self._began
        if result.time - self._last >= INTERVAL or result.time < self._last:
            self._last = result.time
            self._count += 1
            there = 0
            for part, camera, view in zip(
                self._parts, self._rig.cameras, result.views, strict=True
            ):
                if view is not None:
                    crowd = crowd_of(camera, view, self._count)
                    part.append(crowd)
                    there += bool(len(crowd))
            self._shared += there > 1
        return self._advice()

    def take(self) -> Advice:
        return self._advice()

    def drop(self) -> Advice:
        return self._advice()

    def picture(self, advice: Advice) -> Image:
        raise AssertionError("the page has the pictures of Live")

    def told(self) -> dict[str, Any]:
        enough = min(self._shared / MIN_INSTANTS, 1.0)
        return {
            "rig": self._name,
            "taken": self._shared,
            "wanted": MIN_INSTANTS,
            "meters": [
                [f"{self._seconds:.0f} of {SECONDS:.0f} s", min(self._seconds / SECONDS, 1.0)],
                [f"{self._shared} moments with people in two cameras", enough],
            ],
        }

    def solve(self) -> Outcome:
        found = check_people(self._rig, self._crowds())
        report = check_report(found, list(self._rig.cameras))
        return Outcome(report, not found.moved and "cannot tell" not in report)

    def mend(self) -> Outcome:
        """All poses slightly readjusted, in a file of its own where that improves the rig."""
        found = readjust(self._rig, self._crowds())
        lines = [
            f"{camera.name}: {before:.1f} px before, {after:.1f} px after rotating it by "
            f"{degrees:.2f} degrees and moving it by {100 * metres:.1f} cm"
            for camera, before, after, degrees, metres in zip(
                *(found.rig.cameras, found.before, found.after, found.degrees, found.metres),
                strict=True,
            )
        ]
        if not found.after.mean() < MAX_ERROR_RATIO * found.before.mean():
            lines.append("Readjusting does not improve the rig; nothing was written.")
            return Outcome("\n".join(lines) + "\n", good=True)
        file = self._folder.keep_rig(found.rig, "mended")
        return Outcome("\n".join(lines) + "\n", good=True, file=file.name)

    def _crowds(self) -> list[Crowd]:
        for camera, own in zip(self._rig.cameras, self._parts, strict=True):
            if not sum(map(len, own)):
                raise CalibrationError(
                    f"{camera.name} saw nobody; let somebody walk through the whole space that "
                    "the cameras share."
                )
        return [joined(own) for own in self._parts]

    def _advice(self) -> Advice:
        left = max(0, ceil(SECONDS - self._seconds))
        words = f"walk through the whole space that the cameras share: {left} s left"
        if self._seconds >= SECONDS and self._shared < MIN_INSTANTS:
            words = "go on until two cameras have seen somebody more often"
        done = self._seconds >= SECONDS and self._shared >= MIN_INSTANTS
        return Advice(words, done=done)
