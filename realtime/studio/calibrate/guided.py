"""What the page guides: a lens, a rig, or the check of a rig, one result after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from calibration.board.detection import Finder, Sighting
from calibration.board.extrinsics import locate, on_board
from calibration.board.intrinsics import calibrate
from calibration.board.target import Board
from calibration.files.corners_csv import board_corners, write_corners
from calibration.geometry.camera import Camera
from calibration.geometry.errors import BoardError, CalibrationError
from calibration.guidance.extrinsics_guide import MIN_LINK_BOARDS, WANTED_BOARDS, ExtrinsicsGuide
from calibration.guidance.extrinsics_screen import cameras_picture
from calibration.guidance.intrinsics_guide import WANTED_VIEWS, Advice, Guide
from calibration.guidance.intrinsics_screen import covered_picture, meters
from calibration.plots.coverage_chart import coverage_chart
from calibration.reports.lens import lens_report
from calibration.reports.reprojection_error import is_poor, reprojection_report
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
        sight = self._finder.find(_grey(view.frame.image))
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


class RigGuided:
    """Where cameras of known lenses stand, by a board that several see at once. origin: whether the
    first board taken is the world's floor.
    """

    kind = "rig"

    def __init__(
        self,
        cameras: Sequence[Camera],
        board: Board,
        hold: float,
        folder: RigFolder,
        *,
        origin: bool,
    ) -> None:
        if board.ambiguous:
            raise BoardError(
                f"A {board} looks the same upside down, so two cameras may see it turned by 180 "
                "degrees; use a chessboard with one even and one odd number, or a ChArUco board."
            )
        self._cameras, self._board, self._folder = cameras, board, folder
        self._origin = origin
        self._guide = ExtrinsicsGuide([camera.name for camera in cameras], hold)
        self._finders = [Finder(board, quick=True) for _ in cameras]
        self._images: list[Image | None] = [None] * len(cameras)

    def look(self, result: Result) -> Advice | None:
        seen: list[tuple[float, Sighting] | None] = []
        self._images = [view.frame.image if view else None for view in result.views]
        for finder, view in zip(self._finders, result.views, strict=True):
            sight = finder.find(_grey(view.frame.image)) if view else None
            seen.append((view.frame.time, sight) if view and sight else None)
        return self._guide.look(seen)

    def take(self) -> Advice:
        return self._guide.take()

    def drop(self) -> Advice:
        return self._guide.drop()

    def picture(self, advice: Advice) -> Image:
        return cameras_picture(self._images, self._guide, advice)

    def told(self) -> dict[str, Any]:
        taken = len(self._guide.taken)
        return {
            "names": self._guide.names,
            "taken": taken,
            "wanted": WANTED_BOARDS,
            "meters": [[f"boards {taken}/{WANTED_BOARDS}", min(taken / WANTED_BOARDS, 1.0)]],
            "shared": self._guide.shared.tolist(),
            "joined": [self._guide.names[n] for n in self._guide.groups[0]],
            "link": MIN_LINK_BOARDS,
        }

    def solve(self) -> Outcome:
        if not self._guide.taken:
            raise CalibrationError(
                f"No board was taken while two cameras saw it; {self._guide.todo}."
            )
        boards = self._guide.taken
        seen = [
            {at: one[n] for at, one in enumerate(boards) if n in one}
            for n in range(len(self._cameras))
        ]
        located = locate(self._cameras, seen, self._board)
        rig = on_board(located, self._board, 0) if self._origin else located.rig
        file = self._folder.keep_rig(rig)
        write_corners(board_corners(located, rig), file)
        return Outcome(reprojection_report(located), not is_poor(located), file.name)


def _grey(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
