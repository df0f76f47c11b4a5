"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from calibration.board.target import MARKER_SHARE, Board, Kind, read_board
from calibration.geometry.errors import BoardError


@dataclass(frozen=True)
class BoardOptions:
    """Which board."""

    board: Kind | None = None
    """Its kind; a chessboard's --columns and --rows count inner corners, ChArUco's squares."""
    columns: int | None = None
    """Corners or squares along the longer way, or any."""
    rows: int | None = None
    """Corners or squares along the other."""
    square: float | None = None
    """Side of a square, metres: measure what was printed."""
    marker: float | None = None
    """Side of a ChArUco marker, metres (three quarters of --square)."""
    dictionary: str = "DICT_4X4_50"
    """Dictionary of the markers, in OpenCV's names."""
    inverted: bool = False
    """White is black and black is white."""
    legacy: bool = False
    """ChArUco as OpenCV had it before 4.6."""
    board_file: Path | None = None
    """The board as TOML (`board` writes one), in place of the options above."""

    def wanted(self) -> Board:
        """BoardError where something is missing."""
        if self.board_file is not None:
            if self.board is not None:
                raise BoardError("--board-file and --board cannot both be given.")
            return read_board(self.board_file)
        if self.board is None:
            raise BoardError("Which board? Give --board-file board.toml, or --board and its size.")
        if self.columns is None or self.rows is None or self.square is None:
            raise BoardError("A board needs --columns, --rows and --square (metres).")
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
