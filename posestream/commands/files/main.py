"""Files of runs: of many recordings, of a run that was cut off, and how good they are."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from posestream.commands.program import run_command

PROG = "python -m posestream"
COMMANDS = {
    "batch": "Find the poses in many recordings, here or on a cluster.",
    "recover": "Make the TRC, BVH, C3D and glTF files of a killed run; mend torn line files.",
    "score": "Score poses against labels: OKS-AP, PCK, PCP, MPJPE, MOTA and others.",
}


def main(arguments: Sequence[str] | None = None, prog: str = PROG) -> int:
    """Run the command that the arguments name; the exit code says how it went."""
    logging.basicConfig(format="posestream: %(message)s")
    words = sys.argv[1:] if arguments is None else arguments
    folder = "posestream.commands.files"
    return run_command(words, COMMANDS, folder, prog, __doc__ or "", _errors)


def _errors() -> tuple[type[Exception], ...]:
    from calibration.geometry.errors import CalibrationError
    from realtime.types.errors import RealtimeError

    return CalibrationError, RealtimeError
