"""Boards, lenses and rigs that the studio keeps: files in one folder, whose names it makes."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calibration.board.target import Board, read_board, write_board
from calibration.files.rig_toml import read_rig, write_rig
from calibration.geometry.camera import Camera, Rig
from calibration.geometry.errors import CalibrationError
from realtime.types.errors import OutputError
from realtime.writing.whole_files import check_folder

BOARD, LENS = "board.toml", "lens-"
ENDING = ".toml"


@dataclass(frozen=True, slots=True)
class RigEntry:
    """A rig file. id: its name, by which a page asks for it. saved: seconds since 1970."""

    id: str
    cameras: tuple[str, ...]
    saved: float

    @property
    def plain(self) -> dict[str, Any]:
        return {"id": self.id, "cameras": [*self.cameras], "saved": self.saved}


class RigFolder:
    """The files, in a folder that is made when the first is written.

    What a client sends never becomes a path: it names a rig by its id, which is looked up among
    those that are there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def board(self) -> Board | None:
        """The one that was told last, None before that or where it cannot be read."""
        with suppress(CalibrationError):
            return read_board(self.folder / BOARD)
        return None

    def keep_board(self, board: Board) -> None:
        self._write(lambda: write_board(board, self.folder / BOARD))

    def lens(self, camera: str) -> Camera | None:
        """That of the camera of this name, None where it was not calibrated here."""
        with suppress(CalibrationError):
            return read_rig(self._lens(camera)).cameras[0]
        return None

    def keep_lens(self, camera: Camera) -> Path:
        """The one before is kept as .bak."""
        path = self._lens(camera.name)
        self._write(lambda: write_rig(Rig((camera,)), path, force=True))
        return path

    def keep_rig(self, rig: Rig, kind: str = "rig") -> Path:
        """As a file of its own."""
        now = f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        names = (f"{now}{f'-{n}' if n else ''}{ENDING}" for n in range(1000))
        path = next(one for name in names if not (one := self.folder / name).exists())
        self._write(lambda: write_rig(rig, path))
        return path

    def rigs(self) -> list[RigEntry]:
        """All of several cameras, the newest first; what cannot be read is passed over."""
        entries = []
        with suppress(OSError):
            for path in self.folder.iterdir():
                if path.suffix != ENDING or path.name == BOARD or path.name.startswith(LENS):
                    continue
                with suppress(CalibrationError, OSError):
                    names = tuple(camera.name for camera in read_rig(path).cameras)
                    entries.append(RigEntry(path.name, names, path.stat().st_mtime))
        return sorted(entries, key=lambda one: (one.saved, one.id), reverse=True)

    def path(self, identity: str) -> Path:
        """Of a rig; OutputError where there is none of that id."""
        for entry in self.rigs():
            if entry.id == identity:
                return self.folder / entry.id
        raise OutputError("There is no such rig.")

    def _lens(self, camera: str) -> Path:
        return self.folder / f"{LENS}{re.sub(r'[^A-Za-z0-9_-]', '_', camera)[:80]}{ENDING}"

    def _write(self, write: Callable[[], None]) -> None:
        check_folder(self.folder, "--takes")
        try:
            write()
        except CalibrationError as error:
            raise OutputError(str(error)) from error
