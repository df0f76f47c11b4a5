"""A board that several cameras see at once: a rig is calibrated, or checked, by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from calibration.board.detection import Finder, Sighting
from calibration.board.extrinsics import locate, on_board
from calibration.board.target import Board
from calibration.files.corners_csv import board_corners, write_corners
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import BoardError, CalibrationError
from calibration.guidance.extrinsics_guide import MIN_LINK_BOARDS, WANTED_BOARDS, ExtrinsicsGuide
from calibration.guidance.extrinsics_screen import cameras_picture
from calibration.guidance.intrinsics_guide import Advice
from calibration.reports.reprojection_error import is_poor, reprojection_report
from calibration.reports.rig_check import check_report
from calibration.verification.check import check_board
from calibration.verification.square_sizes import square_report
from engines.types.arrays import Image
from realtime.studio.calibrate.guided import Outcome, grey
from realtime.studio.calibrate.rig_folder import RigFolder
from realtime.types.results import Result

Seen = Sequence[Mapping[int, Sighting]]  # by camera and board


class BoardsGuided:
    """Gathers boards that cameras of known lenses see at once. rig: the name of the one that is
    checked, None = a new one. solve: what is made of them.
    """

    def __init__(
        self,
        names: Sequence[str],
        board: Board,
        hold: float,
        solve: Callable[[Seen], Outcome],
        rig: str | None = None,
    ) -> None:
        if board.ambiguous:
            raise BoardError(
                f"A {board} looks the same upside down, so two cameras may see it turned by 180 "
                "degrees; use a chessboard with one even and one odd number, or a ChArUco board."
            )
        self.kind = "rig" if rig is None else "board-check"
        self._rig, self._solve = rig, solve
        self._guide = ExtrinsicsGuide(names, hold)
        self._finders = [Finder(board, quick=True) for _ in names]
        self._images: list[Image | None] = [None] * len(names)

    def look(self, result: Result) -> Advice | None:
        seen: list[tuple[float, Sighting] | None] = []
        self._images = [view.frame.image if view else None for view in result.views]
        for finder, view in zip(self._finders, result.views, strict=True):
            sight = finder.find(grey(view.frame.image)) if view else None
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
            "rig": self._rig,
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
        return self._solve(
            [
                {at: one[n] for at, one in enumerate(boards) if n in one}
                for n in range(len(self._guide.names))
            ]
        )


def rig_of(
    seen: Seen, cameras: Sequence[Camera], board: Board, folder: RigFolder, *, origin: bool
) -> Outcome:
    """A new rig, kept. origin: whether the first board that was taken is the world's floor."""
    located = locate(cameras, seen, board)
    rig = on_board(located, board, 0) if origin else located.rig
    file = folder.keep_rig(rig)
    write_corners(board_corners(located, rig), file)
    return Outcome(reprojection_report(located), not is_poor(located), file.name)


def checked_rig(seen: Seen, rig: Rig, board: Board) -> Outcome:
    """Whether the rig still is right, in the words of `calibrate check`."""
    found = check_board(rig, seen, board)
    report = square_report(rig, seen, board) + check_report(found, list(rig.cameras), board=True)
    return Outcome(report, not found.moved and "cannot tell" not in report)
