"""Camera files of other programs."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from calibration.disk.same_file import check_apart
from calibration.formats import read, write
from calibration.geometry.errors import CalibrationError

MAX_KEYS_NAMED = 8  # keys that are left out


@dataclass(frozen=True)
class Options:
    """Convert camera files from one format to another; the file names determine the formats.

    Input: a rig .toml (Anipose, FreeMoCap, Pose2Sim, caliscope), a Qualisys .qca.txt, an OpenCV or
    OpenPose .xml or .yml of one camera or of a stereo pair (M1, D1, M2, D2, R, T), or a folder of
    them. Output: a .toml, or a folder (or a
    single .xml) that OpenPose reads.
    """

    input: Path = field(metadata={"positional": True})
    """The file or folder to read."""
    output: Path = field(metadata={"positional": True})
    """The file or folder to write."""
    size: str | None = None
    """Picture size, if the files do not contain it: 1280x720."""
    unit: float = 1.0
    """Metres of the unit of T in OpenCV's stereo files: 0.001 for millimetres."""
    force: bool = False
    """Replace existing files; they are kept as .bak."""


def run(options: Options) -> None:
    """The files, the cameras' names, and what could not go along."""
    check_apart([options.output], {"the input": [options.input]})
    if not 0 < options.unit < 1000:
        raise CalibrationError(f"--unit {options.unit:g} must be metres, such as 0.001.")
    found = read(options.input, parse_size(options.size), options.unit)
    left = found.left + write(found.rig, options.output, force=options.force, offsets=found.offsets)
    if left:
        rest = f" and {len(left) - MAX_KEYS_NAMED} more" if len(left) > MAX_KEYS_NAMED else ""
        sys.stderr.write(f"posestream: left out {', '.join(left[:MAX_KEYS_NAMED])}{rest}\n")
    names = ", ".join(camera.name for camera in found.rig.cameras)
    sys.stdout.write(f"{options.output}: {names}\n")


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Of WIDTHxHEIGHT; CalibrationError where it is something else."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text, re.ASCII)
    if not found:
        raise CalibrationError(f"--size {text!r} is not WIDTHxHEIGHT, such as 1280x720.")
    return int(found[1]), int(found[2])
