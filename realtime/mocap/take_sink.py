"""Files of 3D people that need the whole run at one constant rate, made at its end of a journal."""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from realtime.mocap.journal import ENDING, Head, Journal, begin_journal, left_over
from realtime.mocap.take import Take, take_of
from realtime.types.errors import OutputError, add_loss
from realtime.types.results import Result
from realtime.writing.names import Names
from realtime.writing.whole_files import broken, check_file, reason, write_whole

LOG = logging.getLogger(__name__)
SYNC_SECONDS = 5.0  # between waits for the disk, which bound what a power cut takes
RECOVER = "python -m posestream recover"


class TakeFile(NamedTuple):
    """An output: the option, what it names, what makes its files (names, and contents piece after
    piece), and what stands between the stem of that name and the number of a person or a part
    (nothing where there is one file).
    """

    option: str
    path: Path
    files: Callable[[Path, Take], Iterator[tuple[Path, Iterator[bytes]]]]
    between: str = "_person"

    @property
    def written(self) -> str:
        """What the summary calls it."""
        person = of_person(self.path, "*", f".{self.option.strip('-')}")
        return str(person if self.between == "_person" else self.path)

    @property
    def lock(self) -> tuple[str, Path, Names]:
        """As `one_run_alone` wants it, and as a run that writes these files has it."""
        names = Names(self.path.name)
        if self.between:
            names = Names(f"{self.path.stem}{self.between}", self.path.suffix)
        return f"{self.option} {self.path}", self.path.parent, names


class TakeSink:
    """Writes all instants to a journal, and the files of it when the run ends, whatever ends it.

    The journal lies beside the first output, and goes when all files are whole; until then nothing
    is lost, also when the program is killed. A file that cannot be written leaves nothing of
    itself; the others are written all the same. Files of people and parts of an earlier run, which
    would pass for those of this one, are removed where `overwrite` says so.
    """

    def __init__(
        self,
        outputs: Sequence[TakeFile],
        head: Head,
        sources: list[Path],
        *,
        overwrite: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for output in outputs:
            check_file(output.path, output.option, sources)
        self.written = ", ".join(output.written for output in outputs)
        self._outputs = outputs
        self._head = head
        self._sources = sources
        self._overwrite = overwrite
        self._clock = clock
        self._synced = clock()
        self._path = outputs[0].path.with_suffix(ENDING)
        self._journal: Journal | None = None

    def __enter__(self) -> Self:
        for path in left_over(self._path):
            LOG.warning(
                "%s holds the 3D people of a run that was cut off; %s %s makes its files.",
                *(path, RECOVER, path),
            )
        return self

    def write(self, result: Result) -> None:
        """Keep an instant."""
        if result.poses3d is None:
            return
        try:
            if self._journal is None:
                self._path, self._journal = begin_journal(self._path, self._head)
            if self._removed:
                raise OutputError(f"{self._path} was removed while the run went on.")
            self._journal.add(result.time, result.poses3d)
            if self._clock() - self._synced >= SYNC_SECONDS:
                os.fsync(self._journal.file.fileno())
                self._synced = self._clock()
        except OutputError:
            raise
        except OSError as error:
            raise broken(self._path, error) from error

    def __exit__(self, *_: object) -> None:
        if self._journal is None:
            self._tell_nobody()
            return
        whole = False
        try:
            take, _damaged = take_of(self._journal.file, str(self._path))
            if not take.spans:
                self._tell_nobody()
            write_take(self._outputs, take, self._sources, overwrite=self._overwrite)
            whole = True
        except BaseException as error:
            add_loss(error, OutputError(self._kept()))
            raise
        finally:
            self._journal.file.close()
            if whole:
                self._path.unlink(missing_ok=True)

    @property
    def _removed(self) -> bool:
        """Whether the journal has no name any more."""
        return self._journal is not None and not os.fstat(self._journal.file.fileno()).st_nlink

    def _kept(self) -> str:
        """Where the journal is; one that was removed is saved among the system's passing files."""
        assert self._journal is not None
        if self._removed:
            try:
                folder = Path(tempfile.mkdtemp(prefix="posestream-"))
                self._journal.file.seek(0)
                with (folder / self._path.name).open("xb") as copy:
                    shutil.copyfileobj(self._journal.file, copy)
            except OSError as error:
                return f"{self._path} cannot be saved elsewhere: {reason(error)}."
            self._path = folder / self._path.name
        return f"{self._path} keeps the 3D people; {RECOVER} {self._path} makes the files of it."

    def _tell_nobody(self) -> None:
        for output in self._outputs:
            LOG.warning("%s: no 3D people were found, so nothing is written.", output.option)


def write_take(
    outputs: Sequence[TakeFile], take: Take, sources: Sequence[Path], *, overwrite: bool
) -> None:
    """All files of a take; OutputError names the first that failed, its notes the others.

    sources: files that stay whatever their names.
    """
    failed: OutputError | None = None
    for output in outputs if take.spans else ():
        for error in _write(output, take, sources, overwrite):
            if failed is None:
                failed = error
            else:
                add_loss(failed, error)
    if failed is not None:
        raise failed


def _write(
    output: TakeFile, take: Take, sources: Sequence[Path], overwrite: bool
) -> Iterator[OutputError]:
    """All files of an output; what went wrong with each."""
    written = set()
    try:
        for path, pieces in output.files(output.path, take):
            written.add(path)
            try:
                write_whole(path, pieces)
            except OutputError as error:
                yield error
        if overwrite and output.between:
            _remove_others(output, written, sources)
    except OutputError as error:
        yield error


def _remove_others(output: TakeFile, written: set[Path], sources: Sequence[Path]) -> None:
    stem = re.escape(f"{output.path.stem}{output.between}")
    numbered = re.compile(rf"{stem}\d+{re.escape(output.path.suffix)}")
    for path in sorted(output.path.parent.iterdir()):
        if numbered.fullmatch(path.name) and path not in written and path.resolve() not in sources:
            try:
                path.unlink()
            except OSError as error:
                raise broken(path, error) from error
            LOG.warning("%s of an earlier run was removed.", path)


def of_person(path: Path, identity: int | str, ending: str) -> Path:
    """The file of one person: `walk_person3.trc` of `walk.trc`."""
    return path.with_name(f"{path.stem}_person{identity}{path.suffix or ending}")
