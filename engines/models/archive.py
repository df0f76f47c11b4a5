"""One file out of a zip or tar.gz, whatever else lies in it, and never more bytes than it has."""

from __future__ import annotations

import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engines.types.errors import WeightsError

BLOCK = 1 << 16
# What may come before the member in a tar.gz, which has to be unpacked to get past it.
MAX_BEFORE = 1 << 32
MAX_UNKNOWN = 1 << 30  # bytes of a file whose size nobody has stated
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, ValueError, OSError)


def extract(archive: Path, member: str, size: int, target: Path) -> None:
    """Write the member to `target`; nothing else of the archive is written anywhere.

    member: its whole name, or the end of it where the folders that it lies in are not known; *
    stands for anything. size: 0 where it is not known.
    WeightsError where it is not there, has not this size, or the archive cannot be read.
    """
    try:
        with _opened(archive, member, size) as source, target.open("wb") as out:
            left = size or MAX_UNKNOWN
            while left and (block := source.read(min(BLOCK, left))):
                out.write(block)
                left -= len(block)
            if (left and size) or source.read(1):
                said = f"does not have {size} bytes" if size else "is too large"
                raise WeightsError(f"{member} in {archive.name} {said}")
    except WeightsError:
        target.unlink(missing_ok=True)
        raise
    except (*BROKEN, RuntimeError, NotImplementedError) as error:
        # The last two: encrypted, or packed in a way that is not known here.
        target.unlink(missing_ok=True)
        raise WeightsError(f"{archive.name} cannot be unpacked ({error})") from error


@contextmanager
def _opened(archive: Path, member: str, size: int) -> Iterator[IO[bytes]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as whole:
            name = next((one for one in whole.namelist() if _is(one, member)), None)
            if name is None:
                raise _absent(archive, member, whole.namelist())
            _check(archive, member, whole.getinfo(name).file_size, size)
            with whole.open(name) as source:
                yield source
        return
    names = []
    with tarfile.open(archive, "r|*") as stream:  # one pass: nothing is unpacked twice
        for info in stream:
            names.append(info.name)
            if _is(info.name, member) and info.isreg():
                _check(archive, member, info.size, size)
                unpacked = stream.extractfile(info)
                assert unpacked is not None
                yield unpacked
                return
            if info.offset_data + info.size > MAX_BEFORE:
                raise WeightsError(f"{archive.name} is too large to look for {member} in it")
    raise _absent(archive, member, names)


def _is(name: str, member: str) -> bool:
    wanted = ".*".join(map(re.escape, member.split("*")))
    return bool(re.fullmatch(f"(.*/)?{wanted}", name))


def _check(archive: Path, member: str, found: int, size: int) -> None:
    if size and found != size:
        raise WeightsError(f"{member} in {archive.name} has {found} bytes, the card says {size}")


def _absent(archive: Path, member: str, names: list[str]) -> WeightsError:
    known = ", ".join(sorted(names)[:5]) or "nothing"
    return WeightsError(f"{archive.name} holds no file {member}; it holds {known}")
