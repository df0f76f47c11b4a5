"""Train our own network, measure it, export it."""

from __future__ import annotations

import sys

import tyro

from engines.console.arguments import refusing
from engines.types.errors import EngineError
from training.crops.teach import CropsTeachSettings, teach
from training.crops.train import CropsTrainSettings, train_crops
from training.data.errors import TrainingError
from training.learning.train import TrainSettings, train
from training.shipping.crop_evaluate import CropsEvaluateSettings, evaluate_crops
from training.shipping.crop_export import CropsExportSettings, export_crops
from training.shipping.evaluate import EvaluateSettings, evaluate
from training.shipping.export import ExportSettings, export

COMMANDS: dict[str, type] = {
    "train": TrainSettings,
    "evaluate": EvaluateSettings,
    "export": ExportSettings,
    "crops-teach": CropsTeachSettings,
    "crops-train": CropsTrainSettings,
    "crops-export": CropsExportSettings,
    "crops-evaluate": CropsEvaluateSettings,
}
USER_ERROR = 2
INTERRUPTED = 130


def main() -> int:
    """Run the command that the arguments name; the exit code says how it went."""
    try:
        with refusing(*COMMANDS.values()):
            settings = tyro.extras.subcommand_cli_from_dict(
                {**COMMANDS},
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
            case CropsTeachSettings():
                teach(settings)
            case CropsTrainSettings():
                train_crops(settings)
            case CropsExportSettings():
                sys.stdout.write("".join(f"{path}\n" for path in export_crops(settings)))
            case CropsEvaluateSettings():
                evaluate_crops(settings)
    except (EngineError, TrainingError) as error:
        sys.stderr.write(f"training: {error}\n")
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
