"""Outputs that one run at a time writes: locks that the system takes back however a run ends."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from calibration.disk.replace import PART
from realtime.types.errors import OutputError

ENDING = ".lock"


@contextmanager
def one_run_alone(outputs: Iterable[tuple[str, Path]]) -> Iterator[None]:
    """Hold a lock on each output while the block runs; OutputError where another run has it.

    outputs: what the user called each, and its file; of an output that writes many files, a name
    that stands for all of them. A lock is an empty hidden file beside, which is removed at the end;
    one that a killed run has left is not locked any more. Where the system, the disk or the user's
    rights do not allow locks, there is none.
    """
    with ExitStack() as held:
        for said, path in outputs:
            try:
                lock = _Lock.of(path)
            except BlockingIOError:
                raise OutputError(
                    f"{said} is being written by another run; end that one first, or choose "
                    "another name."
                ) from None
            if lock is not None:
                held.callback(lock.release)
        yield


class _Lock:
    """A file that this process has locked."""

    def __init__(self, place: Path, descriptor: int) -> None:
        self._place = place
        self._descriptor = descriptor

    @classmethod
    def of(cls, path: Path) -> _Lock | None:
        """BlockingIOError where somebody else has it, None where there are no locks."""
        try:
            import fcntl
        except ImportError:
            return None
        real = Path(os.path.realpath(path))
        place = real.with_name(f"{PART}{real.name}{ENDING}")
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
            self._place.unlink()
        os.close(self._descriptor)
