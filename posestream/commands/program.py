"""A program of several commands: which one is meant, its options, its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from engines.console.arguments import parse
from engines.console.import_errors import explain_import_error
from engines.console.standard_output import abandon_output
from engines.console.subcommands import choose
from engines.types.errors import EngineError

USER_ERROR = 2
INTERRUPTED = 130
POOR = 3  # all was done, but the verdict on it is "poor"


def run_command(
    words: Sequence[str],
    commands: Mapping[str, str],
    folder: str,
    prog: str,
    about: str,
    errors: Callable[[], tuple[type[Exception], ...]] = tuple,
) -> int:
    """Run the command that the words name; the exit code says how it went.

    commands: what each of them does, by name. folder: the package whose modules they are, each
    with `Options` and `run(options)`, which gives an exit code or None. errors: gives those, beside
    the engines' own, whose text is for the user; asked for late, as they may not be loadable.
    A user's mistake is one sentence and exit code 2.
    """

    def job() -> int:
        name, rest = choose(words, commands, prog, about)
        # Imported late: doctor must be able to speak where other commands cannot be imported.
        command = import_module(f"{folder}.{name}")
        return int(command.run(parse(command.Options, f"{prog} {name}", words=rest)) or 0)

    return reported(job, errors)


def reported(
    job: Callable[[], int],
    errors: Callable[[], tuple[type[Exception], ...]] = tuple,
) -> int:
    """A job's exit code, as run_command has it; errors: as there."""
    try:
        return job()
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
    except Exception as error:
        if not isinstance(error, errors()):
            raise
        return _fail(str(error))


def _fail(sentence: str) -> int:
    sys.stderr.write(f"posestream: {sentence}\n")
    return USER_ERROR
