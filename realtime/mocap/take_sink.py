"""Files of 3D people that need the whole run at one constant rate, written at its end."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from realtime.mocap.take import Take, TakeRecorder
from realtime.types.errors import OutputError, add_loss
from realtime.types.results import Result
from realtime.writing.whole_files import broken, check_file, write_whole

LOG = logging.getLogger(__name__)


class TakeFile(NamedTuple):
    """An output: the option, what it names, what makes its files (names and contents), and how
    files of one person end, None = it has none.
    """

    option: str
    path: Path
    files: Callable[[Path, Take], Iterator[tuple[Path, bytes]]]
    ending: str | None = None


class TakeSink:
    """Keeps all instants in memory and writes them when the run ends, whatever ends it.

    A file that cannot be written leaves nothing of itself; the others are written all the same.
    Files of people of an earlier run, which would pass for people of this one, are removed where
    `overwrite` says so.
    """

    def __init__(
        self,
        outputs: Sequence[TakeFile],
        recording: TakeRecorder,
        sources: list[Path],
        *,
        overwrite: bool = False,
    ) -> None:
        self._overwrite = overwrite
        for output in outputs:
            check_file(output.path, output.option, sources)
        self._outputs = outputs
        self.written = ", ".join(
            str(one.path if one.ending is None else of_person(one.path, "*", one.ending))
            for one in outputs
        )
        self._recording = recording
        self._sources = sources
        self._any = False  # instants

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        take = self._recording.take()
        failed: OutputError | None = None
        for output in self._outputs:
            if not take.people:
                LOG.warning("%s: no 3D people were found, so nothing is written.", output.option)
            for error in self._write(output, take):
                if failed is None:
                    failed = error
                else:
                    add_loss(failed, error)
        if failed is not None:
            raise failed

    def _write(self, output: TakeFile, take: Take) -> Iterator[OutputError]:
        """All files of an output; what went wrong with each."""
        written = set()
        try:
            for path, data in output.files(output.path, take) if take.people else ():
                written.add(path)
                try:
                    write_whole(path, data)
                except OutputError as error:
                    yield error
            self._remove_others(output, written)
        except OutputError as error:
            yield error

    def _remove_others(self, output: TakeFile, written: set[Path]) -> None:
        if output.ending is None or not self._any or not self._overwrite:
            return
        any_person = of_person(output.path, "#", output.ending).name
        of_somebody = re.compile(r"\d+".join(map(re.escape, any_person.rsplit("#", 1))))
        for path in sorted(output.path.parent.iterdir()):
            if (
                of_somebody.fullmatch(path.name)
                and path not in written
                and path.resolve() not in self._sources
            ):
                try:
                    path.unlink()
                except OSError as error:
                    raise broken(path, error) from error
                LOG.warning("%s of an earlier run was removed.", path)

    def write(self, result: Result) -> None:
        """Keep an instant."""
        if result.poses3d is not None:
            self._any = True
            self._recording.add(result.time, result.poses3d)


def of_person(path: Path, identity: int | str, ending: str) -> Path:
    """The file of one person: `walk_person3.trc` of `walk.trc`."""
    return path.with_name(f"{path.stem}_person{identity}{path.suffix or ending}")
