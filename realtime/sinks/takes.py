"""Files of the people in space that need the whole run, one constant rate, and its end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from realtime.errors import OutputError
from realtime.poses import Result
from realtime.sinks.files import check_file, write_whole
from realtime.takes import Recording, Take

LOG = logging.getLogger(__name__)


class TakeFile(NamedTuple):
    """An output: the option, what it names, and what makes its files (names and contents)."""

    option: str
    path: Path
    files: Callable[[Path, Take], Iterator[tuple[Path, bytes]]]


class TakeSink:
    """Keeps all instants in memory and writes them when the run ends, whatever ends it.

    A file that cannot be written leaves nothing of itself; the others are written all the same.
    """

    def __init__(
        self, outputs: Sequence[TakeFile], recording: Recording, sources: list[Path]
    ) -> None:
        for output in outputs:
            check_file(output.path, output.option, sources)
        self._outputs = outputs
        self._recording = recording

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        take = self._recording.take()
        failed: OutputError | None = None
        for output in self._outputs:
            if not take.people:
                LOG.warning("%s: nobody was found in space, nothing is written.", output.option)
                continue
            try:
                for path, data in output.files(output.path, take):
                    write_whole(path, data)
            except OutputError as error:
                if failed is None:
                    failed = error
                else:
                    failed.add_note(f"then: {error}")
        if failed is not None:
            raise failed

    def write(self, result: Result) -> None:
        """Keep an instant."""
        if result.poses3d is not None:
            self._recording.add(result.time, result.poses3d)


def of_person(path: Path, identity: int | str, ending: str) -> Path:
    """The file of one person: `walk_person3.trc` of `walk.trc`."""
    return path.with_name(f"{path.stem}_person{identity}{path.suffix or ending}")
