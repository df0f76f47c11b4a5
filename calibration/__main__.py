"""Cameras: print a board, calibrate cameras and rigs, check, convert and show them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from calibration.geometry.errors import CalibrationError
from engines.console.arguments import parse
from engines.console.import_errors import explain_import_error
from engines.console.standard_output import abandon_output
from engines.console.subcommands import choose
from engines.types.errors import EngineError
from realtime.types.errors import RealtimeError

PROG = "python -m calibration"
BUMPED = 1  # what `check` ends with where a camera has moved
USER_ERROR = 2
INTERRUPTED = 130
COMMANDS = {
    "board": "Write a calibration board to print, in true size.",
    "intrinsics": "Calibrate the lens of one camera.",
    "extrinsics": "Calibrate the positions of a rig's cameras from a board.",
    "people": "Calibrate the positions of a rig's cameras from people walking.",
    "check": "Check that a rig is still right, or find the camera that moved.",
    "convert": "Convert camera files to and from other programs' formats.",
    "show": "Draw a rig as a picture, or as a 3D page.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; the exit code says how it went."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        name, rest = choose(words, COMMANDS, PROG, __doc__ or "")
        command = import_module(f"calibration.commands.{name}")
        options = parse(command.Options, f"{PROG} {name}", words=rest)
        return BUMPED if command.run(options) is False else 0
    except (CalibrationError, EngineError, RealtimeError) as error:
        return _fail(str(error))
    except ImportError as error:
        sentence = explain_import_error(error)
        if sentence is None:
            raise
        return _fail(sentence)
    except BrokenPipeError:
        abandon_output()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


def _fail(sentence: str) -> int:
    sys.stderr.write(f"posestream: {sentence}\n")
    return USER_ERROR


if __name__ == "__main__":
    sys.exit(main())
