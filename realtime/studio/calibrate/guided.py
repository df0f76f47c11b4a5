"""What the page guides, one result after the other; and a lens, which is guided so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from calibration.board.detection import Finder
from calibration.board.intrinsics import calibrate
from calibration.board.target import Board
from calibration.geometry.errors import BoardError
from calibration.guidance.intrinsics_guide import WANTED_VIEWS, Advice, Guide
from calibration.guidance.intrinsics_screen import covered_picture, meters
from calibration.plots.coverage_chart import coverage_chart
from calibration.reports.lens import lens_report
from engines.types.arrays import Image
from realtime.studio.calibrate.rig_folder import RigFolder
from realtime.types.results import Result


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """report: figures and the verdict, lines of text. good: whether the verdict is. file: what was
    written, by name. chart: a picture of the coverage.
    """

    report: str
    good: bool
    file: str | None = None
    chart: Image | None = None


class Guided(Protocol):
    """kind: what the page calls it. look: None where the result has nothing for it. picture: of
    what was looked at last. told: how far it is, for the page. solve: CalibrationError where it
    cannot be, OutputError where the result cannot be written.
    """

    kind: str

    def look(self, result: Result) -> Advice | None: ...
    def take(self) -> Advice: ...
    def drop(self) -> Advice: ...
    def picture(self, advice: Advice) -> Image: ...
    def told(self) -> dict[str, Any]: ...
    def solve(self) -> Outcome: ...


class LensGuided:
    """One camera's lens, by the board that it sees."""

    kind = "lens"

    def __init__(
        self, number: int, name: str, board: Board, hold: float, folder: RigFolder
    ) -> None:
        self._number, self._name = number, name
        self._board, self._folder = board, folder
        self._guide, self._finder = Guide(board, hold), Finder(board, quick=True)
        self._image: Image | None = None
        self._ever = False

    def look(self, result: Result) -> Advice | None:
        view = result.views[self._number]
        if view is None:
            return None
        self._image = view.frame.image
        sight = self._finder.find(grey(view.frame.image))
        self._ever |= sight is not None
        return self._guide.look(sight, view.frame.time)

    def take(self) -> Advice:
        return self._guide.take()

    def drop(self) -> Advice:
        return self._guide.drop()

    def picture(self, advice: Advice) -> Image:
        assert self._image is not None, "nothing was looked at"
        return covered_picture(self._image, self._guide, advice)

    def told(self) -> dict[str, Any]:
        return {
            "camera": self._name,
            "taken": len(self._guide.taken),
            "wanted": WANTED_VIEWS,
            "meters": [[name, min(share, 1.0)] for name, share in meters(self._guide)],
            "covered": self._guide.variety.covered.tolist(),
        }

    def solve(self) -> Outcome:
        if not self._ever:
            raise BoardError(f"{self._name}: no {self._board} was seen; check its kind and size.")
        found = calibrate(self._guide.taken, self._board, self._name)
        file = self._folder.keep_lens(found.camera)
        report, poor = lens_report(found, len(self._guide.taken))
        return Outcome(report, not poor, file.name, np.asarray(coverage_chart(found), np.uint8))


def grey(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
