"""Train our own network, measure it, export it."""

from __future__ import annotations

import sys

import tyro

from engines.console.arguments import refusing
from engines.types.errors import EngineError
from training.data.errors import TrainingError
from training.learning.train import TrainSettings, train
from training.shipping.evaluate import EvaluateSettings, evaluate
from training.shipping.export import ExportSettings, export

USER_ERROR = 2
INTERRUPTED = 130


def main() -> int:
    """Run the command that the arguments name; the exit code says how it went."""
    try:
        with refusing(TrainSettings, EvaluateSettings, ExportSettings):
            settings = tyro.extras.subcommand_cli_from_dict(
                {"train": TrainSettings, "evaluate": EvaluateSettings, "export": ExportSettings},
                prog="python -m training",
                description=__doc__,
            )
        match settings:
            case TrainSettings():
                train(settings)
            case EvaluateSettings():
                evaluate(settings)
            case ExportSettings():
                sys.stdout.write(f"{export(settings)}\n")
    except (EngineError, TrainingError) as error:
        sys.stderr.write(f"training: {error}\n")
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
