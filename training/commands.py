"""Train our own network, measure it, export it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from engines.console.arguments import parse
from engines.console.standard_output import abandon_output
from engines.console.subcommands import choose
from engines.types.errors import EngineError
from training.crops.teach import CropsTeachSettings, teach
from training.crops.train import CropsTrainSettings, train_crops
from training.data.errors import TrainingError
from training.feet.train import CropsFeetSettings, teach_feet
from training.learning.train import TrainSettings, train
from training.openpose.train import OpenPoseTrainSettings, train_openpose
from training.shipping.crop_evaluate import CropsEvaluateSettings, evaluate_crops
from training.shipping.crop_export import CropsExportSettings, export_crops
from training.shipping.evaluate import EvaluateSettings, evaluate
from training.shipping.export import ExportSettings, export

USER_ERROR = 2
INTERRUPTED = 130
COMMANDS: dict[str, tuple[type, Any]] = {
    "train": (TrainSettings, train),
    "evaluate": (EvaluateSettings, evaluate),
    "export": (ExportSettings, export),
    "openpose": (OpenPoseTrainSettings, train_openpose),
    "crops-teach": (CropsTeachSettings, teach),
    "crops-train": (CropsTrainSettings, train_crops),
    "crops-feet": (CropsFeetSettings, teach_feet),
    "crops-export": (CropsExportSettings, export_crops),
    "crops-evaluate": (CropsEvaluateSettings, evaluate_crops),
}


def main(words: Sequence[str] | None, prog: str) -> int:
    """Run the command that the arguments name; the exit code says how it went."""
    try:
        about = {name: settings.__doc__ or "" for name, (settings, _) in COMMANDS.items()}
        name, rest = choose(sys.argv[1:] if words is None else words, about, prog, __doc__ or "")
        settings, job = COMMANDS[name]
        said = job(parse(settings, f"{prog} {name}", words=rest))
        if said is not None:
            sys.stdout.write(f"{said}\n")
    except (EngineError, TrainingError) as error:
        sys.stderr.write(f"training: {error}\n")
        return USER_ERROR
    except BrokenPipeError:
        abandon_output()
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
