"""Raw recordings of all cameras, paired as they were live, for calibration and later runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Self, TextIO

from realtime.runtime.synchronizer import FrameSet
from realtime.sinks.files.video_file import VideoWriter
from realtime.types.errors import OutputError
from realtime.types.frames import Source
from realtime.writing.whole_files import broken, check_folder

LOG = logging.getLogger(__name__)
VISUALLY_LOSSLESS_CRF = 18  # H.264's CRF at which hardly anybody sees a loss


class Recorder:
    """Writes `<camera>.mp4` for each camera and timestamps.csv for all of them.

    Nothing is drawn and no frame waits for the network. A row of the table is a frame:
    sync_index (frames of one number are of one instant), cam_id (the camera's place on the command
    line), frame_index (in its .mp4), frame_time (seconds, of the source), camera (its name).
    OutputError when it cannot be written; what was written until then stays readable.
    """

    def __init__(
        self,
        folder: Path,
        sources: Sequence[Source],
        tell_failure: Callable[[str], None] | None = None,
    ) -> None:
        check_folder(folder, "--record")
        self._tell_failure = tell_failure
        self._folder = folder
        self._sources = sources
        self._table: TextIO | None = None
        self._recordings: list[VideoWriter | None] = [None] * len(sources)
        self._counts = [0] * len(sources)
        self._sets = 0
        self._path = folder / "timestamps.csv"

    def __enter__(self) -> Self:
        names = [f"{source.name}.mp4" for source in self._sources]
        if there := [name for name in names if os.path.lexists(self._folder / name)]:
            raise OutputError(
                f"--record {self._folder} holds {there[0]} already; choose another folder."
            )
        try:
            # Line by line, so that an interrupted recording has all of them.
            self._table = self._path.open("x", buffering=1, encoding="utf-8", newline="\n")
            self._table.write("sync_index,cam_id,frame_index,frame_time,camera\n")
        except FileExistsError as error:
            raise OutputError(
                f"--record {self._folder} already contains a recording; choose another folder."
            ) from error
        except OSError as error:
            raise broken(self._path, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for recording in self._recordings:
                if recording is not None:
                    recording.close()
        finally:
            if self._table is not None:
                self._table.close()

    def write_all(self, tape: Iterable[FrameSet]) -> OutputError | None:
        """Append all instants; what went wrong is logged at once and given back at the end."""
        failed: OutputError | None = None
        for frames in tape:
            try:
                if failed is None:
                    self.write(frames)
            except OutputError as error:
                failed = error
                LOG.error("%s", error)
                if self._tell_failure is not None:
                    self._tell_failure(str(error))
        return failed

    def write(self, frames: FrameSet) -> None:
        """Append the frames of one instant."""
        assert self._table is not None, "write outside of the with"
        for camera, frame in enumerate(frames):
            if frame is None:
                continue
            recording = self._recordings[camera]
            if recording is None:
                source = self._sources[camera]
                recording = self._recordings[camera] = VideoWriter(
                    self._folder / f"{source.name}.mp4",
                    frame.size,
                    Fraction(source.rate or 30).limit_denominator(1001),
                    crf=VISUALLY_LOSSLESS_CRF,
                )
            recording.write(frame.image, frame.time)
            row = f"{self._sets},{camera},{self._counts[camera]},{frame.time:.6f},{frame.camera}\n"
            try:
                self._table.write(row)
            except OSError as error:
                raise broken(self._path, error) from error
            self._counts[camera] += 1
        self._sets += 1
