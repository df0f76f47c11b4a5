"""Cameras: print a board, calibrate cameras and rigs, check, convert and show them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from posestream.commands.program import run_command

PROG = "python -m calibration"
COMMANDS = {
    "board": "Write a calibration board to print, in true size.",
    "intrinsics": "Calibrate the lens of one camera.",
    "extrinsics": "Calibrate the positions of a rig's cameras from a board.",
    "people": "Calibrate the positions of a rig's cameras from people walking.",
    "check": "Check that a rig is still right, or find the camera that moved.",
    "convert": "Convert camera files to and from other programs' formats.",
    "show": "Draw a rig as a picture, or as a 3D page.",
}


def main(arguments: Sequence[str] | None = None, prog: str = PROG) -> int:
    """Run the command that the arguments name; the exit code says how it went."""
    words = sys.argv[1:] if arguments is None else arguments
    folder = "posestream.commands.calibrate"
    return run_command(words, COMMANDS, folder, prog, __doc__ or "", _errors)


def _errors() -> tuple[type[Exception], ...]:
    from calibration.geometry.errors import CalibrationError
    from realtime.types.errors import RealtimeError

    return CalibrationError, RealtimeError
