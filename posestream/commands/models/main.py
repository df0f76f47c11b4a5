"""Models: list, describe, fetch and measure them, and check the machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from posestream.commands.program import run_command

PROG = "python -m engines"
COMMANDS = {
    "list": "List all models with their licence, skeleton and weights on this machine.",
    "info": "Describe a model: its input, its decoder and where its files are.",
    "fetch": "Download weights now, unless they are here already.",
    "bench": "Measure how fast a model runs on this machine.",
    "build": "Build a TensorRT engine for this machine's NVIDIA GPU.",
    "export": "Write a PyTorch network as ONNX, for OpenVINO and TensorRT.",
    "doctor": "Check this machine; the exit code is 1 if run.py cannot work here.",
}


def main(arguments: Sequence[str] | None = None, prog: str = PROG) -> int:
    """Run the command that the arguments name; the exit code says how it went."""
    words = sys.argv[1:] if arguments is None else arguments
    return run_command(words, COMMANDS, "posestream.commands.models", prog, __doc__ or "")
