"""Cameras: print a board, calibrate cameras and rigs, check, convert and show them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

BUMPED = 1  # what `check` ends with where a camera has moved
USER_ERROR = 2
INTERRUPTED = 130
COMMANDS = {
    "board": "write a calibration board to print",
    "intrinsics": "calibrate one camera",
    "extrinsics": "calibrate a rig from a board that several cameras see",
    "people": "calibrate a rig from people, without a board",
    "check": "check whether a rig is still right, and which camera moved",
    "convert": "convert camera files from and to other programs",
    "show": "draw a rig, as a picture or a 3D web page",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; the exit code says how it went."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        lines = [f"  {name:12}{about}" for name, about in COMMANDS.items()]
        usage = "usage: python -m calibration COMMAND [--help] ...\n\n"
        sys.stdout.write(f"{usage}{__doc__}\n\n" + "\n".join(lines) + "\n")
        return 0 if words else USER_ERROR
    if words[0] not in COMMANDS:
        return _fail(f"There is no command {words[0]!r}; the commands are {', '.join(COMMANDS)}.")
    try:
        from calibration.geometry.errors import CalibrationError
        from engines.console.arguments import parse
        from engines.types.errors import EngineError
        from realtime.types.errors import RealtimeError

        command = import_module(f"calibration.commands.{words[0]}")
    except ImportError as error:
        from engines.console.import_errors import explain_import_error

        sentence = explain_import_error(error)
        if sentence is None:
            raise
        return _fail(sentence)
    try:
        prog = f"python -m calibration {words[0]}"
        options = parse(command.Options, prog, words=words[1:])
        good = command.run(options) is not False
    except (CalibrationError, EngineError, RealtimeError) as error:
        return _fail(str(error))
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0 if good else BUMPED


def _fail(sentence: str) -> int:
    sys.stderr.write(f"posestream: {sentence}\n")
    return USER_ERROR


if __name__ == "__main__":
    sys.exit(main())
