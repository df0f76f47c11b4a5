"""What the Calibrate pane works with: the board, the cameras' lenses, rigs, and one session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from calibration.board.printing import PAPERS, lay_out, pdf
from calibration.board.target import MARKER_SHARE, Board
from calibration.files.rig_toml import read_rig
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import CalibrationError
from realtime.studio.calibrate.boards_guided import BoardsGuided, Seen, checked_rig, rig_of
from realtime.studio.calibrate.checked import CheckGuided
from realtime.studio.calibrate.guided import Guided, LensGuided, Outcome
from realtime.studio.calibrate.rig_folder import RigFolder
from realtime.studio.calibrate.session import Key, Session
from realtime.types.errors import OutputError
from realtime.types.results import Result

MAX_HOLD_S = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Filming:
    """The run whose pictures are used. rig: the one it runs with. pictures: whether it has any.
    altered: the options by which they are not those of the cameras, so that no lens and no rig can
    be told from them.
    """

    names: Sequence[str]
    live: bool
    pictures: bool
    rig: Rig | None = None
    altered: Sequence[str] = ()

    @property
    def refusal(self) -> str | None:
        """Why nothing can be calibrated or checked."""
        if not self.altered:
            return None
        return (
            "Lenses and rigs are those of pictures as cameras give them: start the program without "
            f"{' and '.join(self.altered)} to calibrate or to check."
        )


class Calibration:
    """One at a time, of the cameras that run. OutputError, with a sentence, where what is asked for
    cannot be. Methods may be called from any thread.
    """

    def __init__(self, folder: Path, run: Filming | None = None) -> None:
        self.folder = RigFolder(folder)
        self._run = run
        self._session: Session | None = None
        self._ended = run is None
        self._lock = Lock()

    def put(self, result: Result) -> None:
        """What the run sees."""
        if (session := self._session) is not None:
            session.put(result)

    def end_of_results(self) -> None:
        """The run has ended."""
        self._ended = True
        if (session := self._session) is not None:
            session.end_of_results()

    def close(self) -> None:
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    @property
    def told(self) -> dict[str, Any]:
        """All that the page shows."""
        run, board = self._run, self.folder.board()
        session = self._session
        return {
            "board": None if board is None else told_of(board),
            "cameras": [] if run is None else [self._told_of_camera(name) for name in run.names],
            "rigs": [entry.plain for entry in self.folder.rigs()],
            "refusal": run and run.refusal,
            "pictures": run is not None and run.pictures and not self._ended,
            "session": None if session is None else session.told,
        }

    def set_board(self, board: Board) -> None:
        """The one that is shown to the cameras, now and later."""
        if self.busy:
            raise OutputError("A calibration is under way; finish or cancel it first.")
        self.folder.keep_board(board)

    def sheet(self, paper: str) -> bytes:
        """A PDF of the board in true size."""
        if paper not in PAPERS:
            raise OutputError(f"Paper is one of {', '.join(PAPERS)}.")
        try:
            return pdf(lay_out(self._board(), paper))
        except CalibrationError as error:
            raise OutputError(str(error)) from error

    def begin_lens(self, camera: str, hold: float) -> None:
        run = self._filming()
        if camera not in run.names:
            raise OutputError("There is no such camera.")
        number = list(run.names).index(camera)
        self._begin(LensGuided(number, camera, self._board(), _held(hold), self.folder))

    def begin_rig(self, hold: float, *, origin: bool) -> None:
        run = self._filming()
        if len(run.names) < 2:
            raise OutputError("A rig has two cameras at least; start the program with more.")
        lenses = [self._lens(name) for name in run.names]
        lacking = [name for name, lens in zip(run.names, lenses, strict=True) if lens is None]
        if lacking:
            raise OutputError(f"Calibrate the lens of {' and '.join(lacking)} first.")
        known = [lens for lens in lenses if lens is not None]
        board = self._board()

        def solve(seen: Seen) -> Outcome:
            return rig_of(seen, known, board, self.folder, origin=origin)

        self._begin_boards(board, hold, solve)

    def begin_check(self, identity: str, *, board: bool = False, hold: float = 1.0) -> None:
        """By the people whom cameras see, or by the board."""
        run = self._filming(pictures=board)
        rig = self.rig(identity)
        names = [camera.name for camera in rig.cameras]
        if names != list(run.names):
            raise OutputError(
                f"This rig has the cameras {', '.join(names)}, but {', '.join(run.names)} run."
            )
        if not board:
            self._begin(CheckGuided(rig, identity, self.folder))
            return
        shown = self._board()
        self._begin_boards(shown, hold, lambda seen: checked_rig(seen, rig, shown), identity)

    def go_on(self) -> None:
        """Add to the lens or the rig that was solved last, or could not be."""
        session = self._session
        over = session is not None and session.phase in ("done", "failed")
        if session is None or not over or session.guided.kind == "check":
            raise OutputError("There is no calibration to go on with.")
        self._filming()
        self._begin(session.guided, more=True)

    def mend(self) -> None:
        """Readjust the rig that was checked last."""
        session = self._session
        if session is None or not isinstance(guided := session.guided, CheckGuided):
            raise OutputError("Check a rig first.")
        if session.phase != "done":
            raise OutputError("The check is not done.")
        try:
            session.mended(guided.mend)
        except CalibrationError as error:
            raise OutputError(str(error)) from error

    def press(self, key: Key) -> None:
        """Of the session's buttons."""
        if not self.busy or self._session is None:
            raise OutputError("No calibration is under way.")
        self._session.press(key)

    def rig(self, identity: str) -> Rig:
        """A rig of the folder."""
        try:
            return read_rig(self.folder.path(identity))
        except CalibrationError as error:
            raise OutputError(str(error)) from error

    @property
    def session(self) -> Session | None:
        return self._session

    @property
    def busy(self) -> bool:
        """Whether something is guided or solved."""
        return self._session is not None and self._session.phase in ("guiding", "solving")

    def _begin_boards(
        self,
        board: Board,
        hold: float,
        solve: Callable[[Seen], Outcome],
        rig: str | None = None,
    ) -> None:
        names = self._filming().names
        try:
            self._begin(BoardsGuided(names, board, _held(hold), solve, rig))
        except CalibrationError as error:
            raise OutputError(str(error)) from error

    def _begin(self, guided: Guided, *, more: bool = False) -> None:
        run = self._filming(pictures=False)
        with self._lock:
            if self.busy:
                raise OutputError("A calibration is under way; finish or cancel it first.")
            self._session = Session(guided, live=run.live, more=more)

    def _filming(self, *, pictures: bool = True) -> Filming:
        if self._run is None or self._ended:
            raise OutputError("No cameras run; start the program with those to be calibrated.")
        if pictures and not self._run.pictures:
            raise OutputError("The sources of this run are keypoints; boards are in pictures.")
        if self._run.refusal is not None:
            raise OutputError(self._run.refusal)
        return self._run

    def _board(self) -> Board:
        board = self.folder.board()
        if board is None:
            raise OutputError("Say first which board you have.")
        return board

    def _lens(self, name: str) -> Camera | None:
        """Calibrated here, or that of the rig that the run has."""
        if (lens := self.folder.lens(name)) is not None:
            return lens
        cameras = self._run.rig.cameras if self._run and self._run.rig else ()
        return next((one for one in cameras if one.name == name), None)

    def _told_of_camera(self, name: str) -> dict[str, Any]:
        lens = self._lens(name)
        told = None
        if lens is not None:
            here = self.folder.lens(name) is not None
            focal = round(float(lens.matrix[0, 0]), 1)
            told = {"size": list(lens.size), "focal": focal, "fisheye": lens.fisheye, "here": here}
        return {"name": name, "lens": told}


def board_of(given: dict[str, Any]) -> Board:
    """A board as a page describes it, lengths in millimetres; OutputError where it cannot be."""
    try:
        square = float(given["square"]) / 1000
        size = int(given["columns"]), int(given["rows"])
        inverted, legacy = given.get("inverted") is True, given.get("legacy") is True
        if given["kind"] == "chessboard":
            return Board("chessboard", *size, square, inverted=inverted)
        marker = float(given.get("marker") or 0) / 1000 or MARKER_SHARE * square
        dictionary = str(given.get("dictionary") or "DICT_4X4_50")
        more = {"inverted": inverted, "legacy": legacy}
        return Board(given["kind"], *size, square, marker, dictionary, **more)
    except CalibrationError as error:
        raise OutputError(str(error)) from error
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise OutputError("A board has a kind, columns, rows and the side of a square.") from error


def told_of(board: Board) -> dict[str, Any]:
    """As `board_of` takes it, and in words."""
    return {
        "kind": board.kind,
        "columns": board.columns,
        "rows": board.rows,
        "square": round(1000 * board.square, 3),
        "marker": round(1000 * board.marker, 3),
        "dictionary": board.dictionary,
        "inverted": board.inverted,
        "legacy": board.legacy,
        "words": str(board),
    }


def _held(hold: float) -> float:
    if not 0 <= hold <= MAX_HOLD_S:
        raise OutputError(f"Seconds to hold a board are from 0 to {MAX_HOLD_S:.0f}.")
    return hold
