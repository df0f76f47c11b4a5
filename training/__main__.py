"""Train our own network, measure it, export it."""

from __future__ import annotations

import sys

import tyro

from engines.errors import EngineError
from training.errors import TrainingError
from training.train import TrainSettings, train


def main() -> int:
    """Run the command that the arguments name; the exit code says how it went."""
    try:
        train(tyro.cli(TrainSettings))
    except (EngineError, TrainingError) as error:
        sys.stderr.write(f"training: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
