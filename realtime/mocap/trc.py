"""Markers as OpenSim reads them (TRC, Motion Analysis): a file a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engines.types.arrays import Doubles
from realtime.mocap.number_rows import number_rows
from realtime.mocap.take import PersonMotion, Take
from realtime.mocap.take_sink import of_person

HEADER_FIELDS = (
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"),
    *("OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
)


def trc_files(path: Path, take: Take, turn: Doubles) -> Iterator[tuple[Path, bytes]]:
    """A file for each person. turn: (3, 3) into the world of the files, Y up."""
    for motion in take.people:
        name = of_person(path, motion.id, ".trc")
        yield name, trc_bytes(name.name, take, motion, turn)


def trc_bytes(name: str, take: Take, motion: PersonMotion, turn: Doubles) -> bytes:
    """The frames in which the person was seen, numbered from 1 by the run; times too are the run's.

    Metres; what is not known is nan, as OpenSim itself writes it: it refuses a row that ends with
    an empty cell.
    """
    markers = [marker(keypoint) for keypoint in take.skeleton.keypoints]
    rate, count, start = f"{take.rate:.10g}", len(motion), motion.first + 1
    values = (rate, rate, count, len(markers), "m", rate, start, count)
    axes = [f"{axis}{n}" for n in range(1, len(markers) + 1) for axis in "XYZ"]
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{name}",
        "\t".join(HEADER_FIELDS),
        "\t".join(map(str, values)),
        "Frame#\tTime\t" + "\t\t\t".join(markers) + "\t\t",
        "\t\t" + "\t".join(axes),
        "",
    ]
    numbers = np.arange(start, start + count)
    row = "%d\t%.6f" + "\t%.6f" * len(axes)
    cells = (motion.xyz @ turn.T).reshape(count, -1)
    table = np.column_stack([numbers, (numbers - 1) / take.rate, cells])
    return "".join(f"{line}\n" for line in lines).encode() + number_rows(row, table)


def marker(keypoint: str) -> str:
    """As Pose2Sim's OpenSim models call it: left_big_toe is LBigToe, mid_hip CHip."""
    side, _, rest = keypoint.partition("_")
    short = {"left": "L", "right": "R", "mid": "C"}.get(side)
    name = keypoint if short is None else rest
    return (short or "") + "".join(word.capitalize() for word in name.split("_"))
