"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from calibration.board.target import MARKER_SHARE, Board, Kind, read_board
from calibration.geometry.errors import BoardError


@dataclass(frozen=True)
class BoardOptions:
    """The calibration board."""

    board: Kind | None = None
    """Kind of board; --columns and --rows count inner corners of a chessboard, squares of a ChArUco
    board."""
    columns: int | None = None
    """Corners or squares along one side, usually the longer one."""
    rows: int | None = None
    """Corners or squares along the other side."""
    square: float | None = None
    """Side of a square in metres, as measured on the printed board."""
    marker: float | None = None
    """Side of a ChArUco marker in metres; the default is three quarters of --square."""
    dictionary: str = "DICT_4X4_50"
    """Marker dictionary, by its OpenCV name."""
    inverted: bool = False
    """Black and white are swapped."""
    legacy: bool = False
    """ChArUco layout of OpenCV before 4.6."""
    board_file: Path | None = None
    """A board .toml (`board` writes one), instead of the options above."""

    def files(self) -> list[Path]:
        """The file that is read, if any."""
        return [] if self.board_file is None else [self.board_file]

    def wanted(self) -> Board:
        """BoardError where something is missing."""
        if self.board_file is not None:
            if self.board is not None:
                raise BoardError("Give either --board-file or --board, not both.")
            return read_board(self.board_file)
        if self.board is None:
            raise BoardError(
                "No board is given; add --board-file board.toml, or --board with its size."
            )
        if self.columns is None or self.rows is None or self.square is None:
            raise BoardError("--board also needs --columns, --rows and --square (metres).")
        plain = Board("chessboard", self.columns, self.rows, self.square, inverted=self.inverted)
        if self.board == "chessboard":
            return plain
        marker = MARKER_SHARE * self.square if self.marker is None else self.marker
        return replace(
            plain,
            kind=self.board,
            marker=marker,
            dictionary=self.dictionary,
            legacy=self.legacy,
        )
