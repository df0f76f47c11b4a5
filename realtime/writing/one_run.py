"""Outputs that one run at a time writes: locks that the system takes back however a run ends."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from calibration.disk.replace import PART
from realtime.types.errors import OutputError
from realtime.writing.names import Names

ENDING = ".lock"


@contextmanager
def one_run_alone(outputs: Iterable[tuple[str, Path, Names]]) -> Iterator[None]:
    """Hold a lock on each output while the block runs; OutputError where another run has it, or
    one on an output of another kind that may write a file of the same name.

    outputs: what the user called each, its folder, and the names of its files. A lock is an empty
    hidden file in the folder, called as those are, which is removed at the end; one that a killed
    run has left is not locked any more. Where the system, the disk or the user's rights do not
    allow locks, there is none.
    """
    with ExitStack() as held:
        own: list[Path] = []
        for said, given, named in outputs:
            folder, names = _real(given, named)
            try:
                lock = _Lock.at(folder / f"{PART}{names}{ENDING}")
                if lock is not None:
                    held.callback(lock.release)
                    own.append(lock.place)
                    _check_others(folder, names, own)
            except BlockingIOError:
                raise OutputError(
                    f"{said} is being written by another run; end that one first, or choose "
                    "another name."
                ) from None
        yield


def _real(folder: Path, names: Names) -> tuple[Path, Names]:
    """The same, whatever links lead there."""
    if names.after is not None:
        return Path(os.path.realpath(folder)), names
    path = Path(os.path.realpath(folder / names.before))
    return path.parent, Names(path.name)


def _check_others(folder: Path, names: Names, own: Sequence[Path]) -> None:
    """BlockingIOError where a run has a lock in the folder whose names meet these."""
    for place in folder.glob(f"{PART}*{ENDING}"):
        theirs = Names.parse(place.name.removeprefix(PART).removesuffix(ENDING))
        if place not in own and names.meet(theirs) and (left := _Lock.at(place)) is not None:
            left.release()  # of a run that was killed


class _Lock:
    """A file that this process has locked."""

    def __init__(self, place: Path, descriptor: int) -> None:
        self.place = place
        self._descriptor = descriptor

    @classmethod
    def at(cls, place: Path) -> _Lock | None:
        """BlockingIOError where somebody else has it, None where there are no locks."""
        try:
            import fcntl
        except ImportError:
            return None
        while True:
            try:
                descriptor = os.open(place, os.O_RDONLY | os.O_CREAT, 0o666)
            except OSError:
                return None
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Who had it before may have removed the file since it was opened here.
                if os.path.samestat(os.fstat(descriptor), os.stat(place)):
                    return cls(place, descriptor)
            except BlockingIOError:
                os.close(descriptor)
                raise
            except FileNotFoundError:
                pass
            except OSError:  # a disk without locks
                os.close(descriptor)
                with suppress(OSError):
                    place.unlink()
                return None
            os.close(descriptor)

    def release(self) -> None:
        """Removed while it is still locked, so that nobody's new one is."""
        with suppress(OSError):
            self.place.unlink()
        os.close(self._descriptor)
