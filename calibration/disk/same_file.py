"""Whether two paths lead to one file, also before it is there."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from calibration.geometry.errors import CalibrationError

# Where letter case alone makes no new file, as systems usually come.
FOLDS_CASE = sys.platform in ("darwin", "win32")
Inputs = Mapping[str, Iterable[str | Path]]
Identity = tuple[int, int, tuple[str, ...]]


def identity(path: Path) -> Identity:
    """The same for all names of one file or folder: relative, through links, hard links.

    Device and inode of the nearest thing on the way that is there, and the names that are not.
    """
    rest: list[str] = []
    try:
        real = os.path.realpath(path)
    except ValueError:  # a name with a NUL
        real = os.path.abspath(path)
    while True:
        try:
            found = os.stat(real)
        except (OSError, ValueError):
            real, name = os.path.split(real)
            if not name:  # not even the root: a name that no file can have
                return 0, 0, (*reversed(rest),)
            rest.append(fold(name))
        else:
            return found.st_dev, found.st_ino, (*reversed(rest),)


def fold(name: str) -> str:
    """The name as this system compares it."""
    return name.casefold() if FOLDS_CASE else name


def check_apart(outputs: Iterable[Path], inputs: Inputs) -> None:
    """CalibrationError where an output is one of the inputs, or would be read with them next time.

    inputs: by what they are, files, folders or globs; what is none of them (a camera) is passed by.
    """
    given = [(what, os.path.expanduser(one)) for what, ones in inputs.items() for one in ones]
    for output in outputs:
        for what, one in given:
            read = [Path(one)] if os.path.lexists(one) else [*map(Path, glob.glob(one))]
            folder = Path(one).is_dir()
            if folder:
                with suppress(OSError):  # who reads it says so
                    read += Path(one).iterdir()
            if identity(output) in map(identity, read):
                raise CalibrationError(
                    f"{output} is {what} itself, which would be lost; choose another name."
                )
            beside = {
                path.suffix.lower()
                for path in read
                if identity(path.parent) == identity(output.parent)
            }
            if (folder or len(read) > 1) and output.suffix.lower() in beside:
                raise CalibrationError(
                    f"{output} would be read with {what} {one} the next time; choose another "
                    "folder."
                )
