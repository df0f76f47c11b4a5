"""A line a frame: JSON lines, a table, datagrams."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from calibration.disk.replace import write_all
from engines.types.arrays import Doubles, Floats
from engines.types.skeleton import Skeleton
from realtime.types.errors import OutputError
from realtime.types.joint_angles import joint_angles, joints
from realtime.types.movement import Movement
from realtime.types.results import Result, View
from realtime.writing.datagrams import Datagrams
from realtime.writing.header import Header
from realtime.writing.json_text import ResultLines, keypoint_triples
from realtime.writing.movement_text import COLUMNS as MOVEMENT_COLUMNS
from realtime.writing.movement_text import movement_cells
from realtime.writing.whole_files import begin_file, broken, check_file, check_kept


class LineFile:
    """A text file that grows by whole lines; a line that finds no room leaves nothing of itself.

    What was there before is replaced when the first lines come, or when a run without any ends.
    """

    def __init__(self, path: Path, option: str, sources: list[Path]) -> None:
        check_file(path, option, sources)
        self._path = path
        self._head = b""
        self._file: FileIO | None = None

    def open(self, head: str) -> None:
        """The first lines; they are written with the next."""
        self._head = head.encode()

    def append(self, lines: str | bytes) -> None:
        """Write whole lines at once; OutputError where that fails."""
        data = lines.encode() if isinstance(lines, str) else lines
        if self._file is None:
            self._file = begin_file(self._path, self._head + data)
            return
        check_kept(self._path, self._file.fileno())
        end = self._file.tell()
        try:
            write_all(self._file.fileno(), data)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file.fileno(), end)
            raise broken(self._path, error) from error

    def close(self, kind: type[BaseException] | None = None) -> None:
        """kind: of the error that ended the run; without one even an empty file is begun."""
        if self._file is None and kind is None:
            self.append("")
        if self._file is not None:
            with self._file:
                if kind is None or not issubclass(kind, OutputError):
                    check_kept(self._path, self._file.fileno())


class JsonLinesSink:
    """Writes a header line, then each frame of each source as a line of JSON."""

    def __init__(
        self, path: Path, sources: list[Path], header: Header, lines: ResultLines | None = None
    ) -> None:
        self._file = LineFile(path, "--jsonl", sources)
        self.written = str(path)
        self._header = header
        self._lines = lines or ResultLines()
        self._begun = False

    def __enter__(self) -> Self:
        self._file.open(f"{self._header.line}\n")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close(kind)

    def write(self, result: Result) -> None:
        """One line a view."""
        if not self._begun:
            self._begun = True
            self._header.see(result)
            self._file.open(f"{self._header.line}\n")  # which knows the sizes of pictures now
        self._file.append(b"".join(line + b"\n" for line in self._lines.of(result)))


class CsvSink:
    """Writes a row for each person of each frame: source, index, time, id, score, keypoints.

    Three columns a keypoint, `<name>_x`, `<name>_y` and `<name>_score`, empty where it was not
    found. A frame without people has no row. time is seconds, see Frame; x and y are pixels; scores
    are 0 to 1. angles: then `speed` (pixels a second) and `<joint>_angle` (degrees as seen in the
    picture, 180 = straight), empty where they are not known. events: then what the person does,
    see `movement_text.COLUMNS`.
    """

    def __init__(
        self,
        path: Path,
        sources: list[Path],
        skeleton: Skeleton,
        *,
        angles: bool = False,
        events: bool = False,
    ) -> None:
        self._file = LineFile(path, "--csv", sources)
        self.written = str(path)
        names = [f"{name}_{what}" for name in skeleton.keypoints for what in ("x", "y", "score")]
        self._angles, self._events = angles, events
        if angles:
            names += ["speed", *(f"{name}_angle" for name in joints(skeleton))]
        if events:
            names += MOVEMENT_COLUMNS
        self._head = ["source", "index", "time", "id", "score", *names]

    def __enter__(self) -> Self:
        self._file.open(text_rows([self._head]))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close(kind)

    def write(self, result: Result) -> None:
        """The rows of all views."""
        movements = result.movements if self._events else (None,) * len(result.views)
        rows = [
            row
            for view, known in zip(result.views, movements, strict=True)
            if view
            for row in _people(view, self._angles, known)
        ]
        self._file.append(text_rows(rows))


class UdpSink:
    """Sends each frame of each source as a datagram that holds its line of JSON, and forgets it.

    Nothing waits for a receiver, and nobody hears of one that is not there. A line beyond 65 507
    bytes (some 100 people) does not fit and is left out.
    """

    def __init__(self, address: str, lines: ResultLines | None = None) -> None:
        self._lines = lines or ResultLines()
        self._out = Datagrams("--udp", address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()

    def write(self, result: Result) -> None:
        """One datagram a view."""
        for line in self._lines.of(result):
            self._out.send(line)


def _people(
    view: View, angles: bool, movements: Mapping[int, Movement] | None
) -> list[Sequence[object]]:
    tracks, frame = view.tracks, view.frame
    found = tracks.poses.found
    triples = keypoint_triples(tracks.poses)
    more: Sequence[Sequence[str]] = [[]] * len(tracks)
    if angles:
        speed = np.full(len(tracks), np.nan) if tracks.speed is None else tracks.speed
        more = angle_cells(np.column_stack([speed, joint_angles(tracks.poses)]))
    if movements is not None:
        more = with_movements(more, tracks.id, movements)
    rows: list[Sequence[object]] = []
    for person in range(len(tracks)):
        cells = np.where(found[person][:, None], np.char.mod("%g", triples[person]), "")
        score = f"{tracks.poses.person_score[person]:g}"
        time = repr(round(frame.time, 6))
        who = [frame.camera, frame.index, time, tracks.id[person], score]
        rows.append([*who, *cells.ravel(), *more[person]])
    return rows


def angle_cells(values: Doubles | Floats) -> list[list[str]]:
    """(P, N) numbers with a decimal each, empty where they are NaN."""
    texts: list[list[str]]
    texts = np.where(np.isnan(values), "", np.char.mod("%.1f", values)).tolist()
    return texts


def with_movements(
    cells: Sequence[Sequence[str]], ids: NDArray[np.int64], movements: Mapping[int, Movement]
) -> list[list[str]]:
    """(P, N) cells of people, and after them those of what they do."""
    return [
        [*own, *movement_cells(movements.get(person))]
        for own, person in zip(cells, ids.tolist(), strict=True)
    ]


def text_rows(rows: Sequence[Sequence[object]]) -> str:
    """Rows of a table as lines of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
