"""The report of a run for coaches, in a file, at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from realtime.report.page import report_page
from realtime.report.session import Session
from realtime.types.errors import OutputError
from realtime.types.results import Result
from realtime.writing.header import Header
from realtime.writing.whole_files import check_file, write_whole

SAVE_SECONDS = 60.0


class ReportSink:
    """Writes a web page every minute and when the run ends, whatever ends it: the file is whole or
    not there. Its memory is bounded however long the run is, see `Session`.

    header: of the run. stature: metres that give pictures a scale, None = none.
    """

    def __init__(
        self,
        path: Path,
        sources: list[Path],
        header: Header,
        stature: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_file(path, "--report", sources)
        self.written = str(path)
        self._path, self._header, self._stature = path, header, stature
        self._session = Session(header.skeleton)
        self._clock = clock
        self._saved = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # What could not be written a moment ago would only say so again.
        if kind is None or (self._session.frames and not issubclass(kind, OutputError)):
            self._save()

    def write(self, result: Result) -> None:
        """Take note of a result."""
        self._session.add(result)
        now = self._clock()
        if now - self._saved >= SAVE_SECONDS:
            self._saved = now
            with suppress(OutputError):  # there may be room at the end
                self._save()

    def _save(self) -> None:
        header = self._header
        page = report_page(self._session, header.model, header.names, header.started, self._scale)
        write_whole(self._path, page)

    @property
    def _scale(self) -> str:
        """Where metres come from, for the reader."""
        if self._header.rig is not None:
            return "3D, in metres by calibrated cameras."
        angles = "Angles are as seen in the picture"
        if self._stature is None:
            return f"{angles}; without --person-height or a rig nothing is in metres."
        return f"{angles}; metres by a body height of {self._stature:g} m."
