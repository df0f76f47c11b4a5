"""Markers as OpenSim reads them (TRC, Motion Analysis): a file a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engines.types.arrays import Doubles
from realtime.mocap.marker_names import marker_name
from realtime.mocap.number_rows import number_rows
from realtime.mocap.take import Span, Take
from realtime.mocap.take_sink import of_person

HEADER_FIELDS = (
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"),
    *("OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
)


def trc_files(path: Path, take: Take, turn: Doubles) -> Iterator[tuple[Path, Iterator[bytes]]]:
    """A file for each person. turn: (3, 3) into the world of the files, Y up."""
    for span in take.spans:
        name = of_person(path, span.id, ".trc")
        yield name, trc_pieces(name.name, take, span, turn)


def trc_pieces(name: str, take: Take, span: Span, turn: Doubles) -> Iterator[bytes]:
    """The frames in which the person was seen, numbered from 1 by the run; times too are the run's.

    Metres; what is not known is nan, as OpenSim itself writes it: it refuses a row that ends with
    an empty cell.
    """
    markers = [marker_name(keypoint) for keypoint in take.skeleton.keypoints]
    rate, start = f"{take.rate:.10g}", span.first + 1
    values = (rate, rate, span.count, len(markers), "m", rate, start, span.count)
    axes = [f"{axis}{n}" for n in range(1, len(markers) + 1) for axis in "XYZ"]
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{name}",
        "\t".join(HEADER_FIELDS),
        "\t".join(map(str, values)),
        "Frame#\tTime\t" + "\t\t\t".join(markers) + "\t\t",
        "\t\t" + "\t".join(axes),
        "",
    ]
    yield "".join(f"{line}\n" for line in lines).encode()
    row = "%d\t%.6f" + "\t%.6f" * len(axes)
    for piece in take.pieces(span):
        numbers = np.arange(piece.first, piece.first + len(piece))
        cells = (piece.xyz @ turn.T).reshape(len(piece), -1)
        yield from number_rows(row, np.column_stack([numbers + 1, numbers / take.rate, cells]))
