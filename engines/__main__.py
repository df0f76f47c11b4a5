"""Models: list, describe, fetch and measure them, and check the machine.

NAME is a model's name as `list` shows it, or a model card of your own (a .toml file).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from engines.console.import_errors import explain_import_error
from engines.types.errors import EngineError, UsageError

USER_ERROR = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; the exit code says how it went."""
    try:
        options = vars(_parser().parse_args(arguments))
        # Imported late: doctor must be able to speak where other commands cannot be imported.
        command = import_module(f"engines.commands.{options.pop('command')}")
        return int(command.run(**options))
    except EngineError as error:
        return _fail(str(error))
    except ImportError as error:
        sentence = explain_import_error(error)
        if sentence is None:
            raise
        return _fail(sentence)
    except BrokenPipeError:
        # The reader, `| head` perhaps, has seen enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


class _Parser(argparse.ArgumentParser):
    """Says in one sentence what it does not understand."""

    def error(self, message: str) -> NoReturn:
        what = f"{message[:1].upper()}{message[1:]}"
        raise UsageError(f"{what}; {self.prog} --help says what there is.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m engines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, about: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")

    command("list", "all models: licence, skeleton, and which weights are on this machine")
    info = command("info", "what a model is, what it takes, and where its files lie")
    fetch = command("fetch", "fetch a model's weights now, unless they are here")
    bench = command("bench", "how fast a model runs on this machine")
    build = command("build", "build a TensorRT engine for this machine's NVIDIA GPU")
    command("doctor", "check this machine; exit code 1 if the main job cannot run")
    for one in (info, fetch, bench, build):
        one.add_argument("model", metavar="NAME", help="a model's name, or your own .toml card")
    for one in (fetch, bench):
        one.add_argument(
            "--precision",
            choices=("auto", "fp32", "bf16", "fp16", "int8"),
            default="auto",
            help="arithmetic of the network (default: auto, the fastest there are weights for)",
        )
    bench.add_argument(
        "--device", choices=("auto", "cuda", "cpu"), default="auto", help="(default: auto)"
    )
    bench.add_argument("--height", type=_positive, help="network input rows (default: 256, card's)")
    bench.add_argument("--frames", type=_positive, default=100, help="to measure (default: 100)")
    bench.add_argument("--image", help="a picture to run on (default: 1280x720, black)")
    build.add_argument(
        "--precision",
        choices=("fp16", "fp32", "int8"),
        default="fp16",
        help="arithmetic of the engine (default: fp16)",
    )
    build.add_argument(
        "--max-batch",
        type=_positive,
        default=4,
        help="most pictures at once, one a camera (default: 4, as a run builds it)",
    )
    build.add_argument(
        "--heights", type=_positive, nargs="+", default=[], help="input rows (default: the card's)"
    )
    return parser


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from error
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _fail(sentence: str) -> int:
    sys.stderr.write(f"posestream: {sentence}\n")
    return USER_ERROR


if __name__ == "__main__":
    sys.exit(main())
