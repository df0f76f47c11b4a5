"""A whole file in place of what was there: readers see the old one or the new one, never a part."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from itertools import count
from pathlib import Path

from calibration.geometry.errors import CalibrationError

PART = ".posestream-"  # begins the name of what is written beside
COUNTER = count()


def replace_file(path: Path, data: bytes | Iterator[bytes], *, lasting: bool = True) -> None:
    """Write beside, then take the place; OSError where that fails, and then nothing has changed.

    data: all of it, or piece after piece. A link of that name is replaced, not followed. lasting:
    also wait for the disk, so that a power cut leaves one of both.
    """
    pieces = iter([data]) if isinstance(data, bytes) else data
    with replacing(path, lasting=lasting) as file:
        for piece in pieces:
            write_all(file.fileno(), piece)


@contextmanager
def replacing(path: Path, *, lasting: bool = True) -> Iterator[FileIO]:
    """A file that is written beside and takes the place when the `with` ends, see `replace_file`;
    an error that ends it changes nothing.
    """
    part = path.with_name(f"{PART}{os.getpid()}-{next(COUNTER)}.part")
    # Ctrl-C may come between any two steps, also when the file is made and FileIO not yet returned.
    try:
        unnamed = _unnamed(path.parent)
        with unnamed or FileIO(part, "x") as file:
            yield file
            if lasting:
                os.fsync(file.fileno())
            if unnamed:
                try:
                    _give_name(file, path)
                except FileExistsError:
                    _give_name(file, part)
                else:
                    return
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _unnamed(folder: Path) -> FileIO | None:
    """A file without a name, of which a killed program leaves nothing and programs that watch the
    folder see nothing; None where the system has none.
    """
    if sys.platform != "linux":
        return None
    try:
        return FileIO(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666), "r+")
    except OSError:
        return None  # a full disk, or no rights: the file with a name tells


def _give_name(file: FileIO, path: Path) -> None:
    # Some src_dir_fd, as os.link does not follow the link of /proc without.
    os.link(f"/proc/self/fd/{file.fileno()}", path, src_dir_fd=file.fileno())


def write_all(descriptor: int, data: bytes) -> None:
    """All of data, without a buffer, so that a full disk shows at once; OSError says why not."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_file(path: Path, data: bytes) -> None:
    """In place of what was there, once it is whole; CalibrationError where it cannot be written."""
    try:
        replace_file(path, data)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise CalibrationError(f"{path} cannot be written: {why}.") from error
