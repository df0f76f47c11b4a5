"""All takes: folders in one folder, whose names the program makes."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from realtime.studio.take_card import CARD, TakeCard
from realtime.types.errors import OutputError, RealtimeError
from realtime.writing.whole_files import check_folder, reason

LINES = "frames.jsonl"  # the results, a line a view, as --jsonl writes them
RIG = "rig.toml"
PICTURES = "pictures"  # a folder as --record writes it
EXPORTS = "exports"
JSON_LINES = ".jsonl"
ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")


class NoTakeError(RealtimeError, LookupError):
    """There is no take of that id."""


class TakeFolders:
    """The takes in a folder, which is made when the first one is recorded.

    A client names a take by its id alone, which is looked up among the folders that are there:
    nothing that it sends becomes a path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self) -> Path:
        """The empty folder of a new take; OutputError where none can be made."""
        check_folder(self.folder, "--takes")
        while True:
            now = datetime.now(UTC)
            place = self.folder / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
            try:
                place.mkdir()
            except FileExistsError:
                continue
            except OSError as error:
                raise OutputError(f"{place} cannot be made: {reason(error)}.") from error
            return place

    def place(self, identity: str) -> Path:
        """A take's folder; NoTakeError where there is none of that id."""
        for place in self._places():
            if place.name == identity:
                return place
        raise NoTakeError("There is no such take.")

    def cards(self) -> Iterator[TakeCard]:
        """Of all takes, the newest first; what is no take is passed over."""
        for place in sorted(self._places(), reverse=True):
            with suppress(OutputError):
                yield TakeCard.read(place)

    def tables(self) -> dict[str, Path]:
        """Files of JSON lines that lie beside the takes, by their names."""
        try:
            with os.scandir(self.folder) as entries:
                found = [one for one in entries if one.name.endswith(JSON_LINES)]
        except OSError:
            return {}
        files = [one.name for one in found if one.is_file(follow_symlinks=False)]
        return {name: self.folder / name for name in sorted(files)}

    def copy(self, card: TakeCard) -> TakeCard:
        """Another take of the same frames, which share their room on the disk where it can."""
        source, target = self.place(card.id), self.begin()
        try:
            for part in (LINES, RIG):
                if (source / part).is_file():
                    _link(source / part, target / part)
            if (source / PICTURES).is_dir():
                (target / PICTURES).mkdir()
                for file in (source / PICTURES).iterdir():
                    _link(file, target / PICTURES / file.name)
            copied = replace(card, id=target.name)
            copied.write(target)
        except OSError as error:
            shutil.rmtree(target, ignore_errors=True)
            raise OutputError(f"The take cannot be copied: {reason(error)}.") from error
        return copied

    def delete(self, identity: str) -> None:
        """For good. OutputError where the system does not let go of it."""
        try:
            shutil.rmtree(self.place(identity))
        except OSError as error:
            raise OutputError(f"The take cannot be deleted: {reason(error)}.") from error

    def _places(self) -> Iterator[Path]:
        try:
            with os.scandir(self.folder) as entries:
                named = [one for one in entries if ID.fullmatch(one.name)]
        except OSError:
            return
        for entry in named:
            place = self.folder / entry.name
            if entry.is_dir(follow_symlinks=False) and (place / CARD).is_file():
                yield place


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a disk without links
        shutil.copyfile(source, target)
