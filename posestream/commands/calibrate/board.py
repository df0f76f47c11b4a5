"""A board to print."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from calibration.board.printing import lay_out, write_sheet
from calibration.board.target import board_toml, write_board
from calibration.disk.same_file import check_apart
from calibration.files.atomic import check_free, read_text, set_aside
from posestream.commands.calibrate.options import BoardOptions


@dataclass(frozen=True)
class Options:
    """Write a calibration board to print at true size (.pdf or .png), and a .toml that describes
    it."""

    output: Path
    """The file to write, for example board.pdf."""
    board: BoardOptions = field(default_factory=BoardOptions)
    paper: Literal["a4", "a3", "letter"] = "a4"
    """Paper size."""
    force: bool = False
    """Replace existing files; the old .toml is kept as .bak."""


def run(options: Options) -> None:
    """Both files, and what to mind when printing."""
    board = options.board.wanted()
    settings = options.output.with_suffix(".toml")
    sheet = lay_out(board, options.paper)
    check_free(options.output, force=options.force)
    check_apart([options.output], {"--board-file": options.board.files()})
    known = settings.is_file() and read_text(settings) == board_toml(board)
    if not known:
        check_free(settings, force=options.force)
    write_sheet(sheet, options.output)
    if not known:
        set_aside(settings)  # somebody may have corrected `square` there
        write_board(board, settings)
    sys.stdout.write(
        f"{options.output}: {board}\n{settings}: the same board for --board-file; set `square` "
        "there to what you measure on paper\nPrint it at 100 % (do not fit it to the page) "
        "and glue it to something flat and stiff.\n"
    )
    if board.ambiguous:
        sys.stdout.write(
            "Note: this chessboard looks the same upside down, so two cameras may see it "
            "turned by 180 degrees. For several cameras, use one even and one odd number, or "
            "a ChArUco board.\n"
        )
