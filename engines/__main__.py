"""Models: list, describe, fetch and measure them, and check the machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from engines.console.arguments import parse
from engines.console.import_errors import explain_import_error
from engines.console.standard_output import abandon_output
from engines.console.subcommands import choose
from engines.types.errors import EngineError

PROG = "python -m engines"
USER_ERROR = 2
INTERRUPTED = 130
COMMANDS = {
    "list": "List all models with their licence, skeleton and weights on this machine.",
    "info": "Describe a model: its input, its decoder and where its files are.",
    "fetch": "Download a model's weights now, unless they are here already.",
    "bench": "Measure how fast a model runs on this machine.",
    "build": "Build a TensorRT engine for this machine's NVIDIA GPU.",
    "doctor": "Check this machine; the exit code is 1 if run.py cannot work here.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; the exit code says how it went."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        name, rest = choose(words, COMMANDS, PROG, __doc__ or "")
        # Imported late: doctor must be able to speak where other commands cannot be imported.
        command = import_module(f"engines.commands.{name}")
        return int(command.run(parse(command.Options, f"{PROG} {name}", words=rest)))
    except EngineError as error:
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
