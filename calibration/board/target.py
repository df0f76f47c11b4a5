"""Calibration boards: what is printed where, and their TOML."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from calibration.disk.replace import write_file
from calibration.geometry.arrays import Doubles
from calibration.geometry.errors import BoardError

Kind = Literal["chessboard", "charuco"]
MARKER_SHARE = 0.75  # side of a marker in squares, where it is not told: what `board` prints
MAX_SQUARE = 1.0  # metres: what is more was measured in millimetres or centimetres
DICTIONARIES = sorted(
    (name for name in dir(cv2.aruco) if name.startswith("DICT_")),
    key=lambda name: int(getattr(cv2.aruco, name)),
)


@dataclass(frozen=True, slots=True)
class Board:
    """A flat board, in metres.

    columns, rows: inner corners of a chessboard, squares of a ChArUco board. square: a square's
    side. marker: a marker's side. inverted: white on black. legacy: ChArUco's pattern before
    OpenCV 4.6, which differs where there is an even number of rows.
    """

    kind: Kind
    columns: int
    rows: int
    square: float
    marker: float = 0.0
    dictionary: str = "DICT_4X4_50"
    inverted: bool = False
    legacy: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("chessboard", "charuco"):
            raise BoardError(f"{self.kind!r} is not a kind of board; use chessboard or charuco.")
        least = 3 if self.kind == "charuco" else 2
        if not (least <= self.columns <= 100 and least <= self.rows <= 100):
            raise BoardError(
                f"A {self.kind} cannot have {self.columns}x{self.rows}: both numbers must be "
                f"between {least} and 100."
            )
        if self.kind == "chessboard" and max(self.columns, self.rows) < 3:
            raise BoardError("A chessboard needs at least 3 inner corners along one side.")
        if not 0 < self.square < np.inf:
            raise BoardError(f"A square cannot be {self.square} m wide; give its side in metres.")
        if self.square > MAX_SQUARE:
            raise BoardError(
                f"A square of {self.square:g} m is too large; give its side in metres, such as "
                f"{self.square / 1000:g} for {self.square:g} mm."
            )
        if self.kind == "chessboard":
            return
        if self.dictionary not in DICTIONARIES:
            raise BoardError(
                f"There is no marker dictionary {self.dictionary!r}; OpenCV has "
                f"{', '.join(DICTIONARIES)}."
            )
        if not 0 < self.marker < self.square:
            raise BoardError(
                f"A marker of {self.marker} m does not fit into a square of {self.square} m; "
                "give the marker's side in metres."
            )
        needed, there = self.columns * self.rows // 2, len(self.markers.bytesList)
        if needed > there:
            raise BoardError(
                f"A {self.columns}x{self.rows} board needs {needed} markers, but "
                f"{self.dictionary} has only {there}; choose a larger dictionary."
            )

    @property
    def grid(self) -> tuple[int, int]:
        """Inner corners along the columns and along the rows."""
        less = int(self.kind == "charuco")
        return self.columns - less, self.rows - less

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of all squares, metres."""
        across, down = self.grid
        return (across + 1) * self.square, (down + 1) * self.square

    @property
    def points(self) -> Doubles:
        """(N, 3) the inner corners by their ids: x along the columns, y along the rows, z into
        the board; from the outer corner of the squares, as OpenCV has it.
        """
        across, down = self.grid
        y, x = np.mgrid[1 : down + 1, 1 : across + 1]
        return np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3) * self.square

    @property
    def ambiguous(self) -> bool:
        """Whether it looks the same turned by half a turn, so that views cannot be compared."""
        return self.kind == "chessboard" and (self.columns + self.rows) % 2 == 0

    @property
    def markers(self) -> Any:
        """OpenCV's dictionary."""
        return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))

    def charuco(self) -> Any:
        """OpenCV's board."""
        board = cv2.aruco.CharucoBoard(
            (self.columns, self.rows), self.square, self.marker, self.markers
        )
        board.setLegacyPattern(self.legacy)
        return board

    def __str__(self) -> str:
        unit = "squares" if self.kind == "charuco" else "inner corners"
        text = f"{self.kind} {self.columns}x{self.rows} {unit}, square {1e3 * self.square:g} mm"
        if self.kind == "charuco":
            text += f", marker {1e3 * self.marker:g} mm, {self.dictionary}"
        more = [word for word in ("inverted", "legacy") if getattr(self, word)]
        return ", ".join([text, *more])


def board_toml(board: Board) -> str:
    """The board as text that `read_board` gives back."""
    own = asdict(board)
    if board.kind == "chessboard":
        own = {key: own[key] for key in ("kind", "columns", "rows", "square", "inverted")}
    elif board.marker == MARKER_SHARE * board.square:
        del own["marker"]  # so that it follows when `square` is corrected
    lines = []
    for key, value in own.items():
        text = f'"{value}"' if isinstance(value, str) else str(value).lower()
        lines.append(f"{key} = {text}\n")
    return "".join(lines)


def read_board(path: Path | str) -> Board:
    """The board of a TOML file: the fields of `Board`, or the keys that caliscope writes.

    BoardError says what is wrong with it.
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise BoardError(f"There is no board file {path}.") from error
    except OSError as error:
        raise BoardError(f"Board file {path.name} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise BoardError(f"Board file {path.name} cannot be read: {error}") from error
    try:
        if "square_size_override_cm" in data:
            square = float(data["square_size_override_cm"]) / 100
            return Board(
                "charuco",
                int(data["columns"]),
                int(data["rows"]),
                square,
                square * float(data["aruco_scale"]),
                str(data["dictionary"]),
                inverted=data.get("inverted") is True,
                legacy=data.get("legacy_pattern") is True,
            )
        if data.get("kind") == "charuco" and isinstance(data.get("square"), int | float):
            data.setdefault("marker", MARKER_SHARE * data["square"])
        return Board(**data)
    except KeyError as error:
        raise BoardError(f"Board file {path.name} needs {error.args[0]}.") from error
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, BoardError):
            raise BoardError(f"Board file {path.name}: {error}") from error
        raise BoardError(
            f"Board file {path.name} must contain kind, columns, rows and square (metres); "
            "charuco also takes marker (default: three quarters of square) and dictionary. "
            "Only inverted and legacy may be added."
        ) from error


def write_board(board: Board, path: Path) -> None:
    """CalibrationError where the file cannot be written."""
    write_file(path, board_toml(board).encode())
