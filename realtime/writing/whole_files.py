"""What outputs in files share: checks before the first frame, and no half-written files."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from calibration.disk.replace import replace_file
from realtime.types.errors import OutputError

KEPT = "; what was written so far is kept"


def check_folder(folder: Path, option: str) -> None:
    """Make the folder where it is missing; OutputError unless files can be made in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(
            f"{option} {folder} is not a folder, or is inside a file; name a folder."
        ) from error
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{option} {folder} cannot be written: {reason(error)}; choose another place."
        ) from error


def check_file(path: Path, option: str, sources: list[Path]) -> None:
    """Make the file's folder where it is missing; OutputError unless the file can be written.

    A file that is there stays as it is until the first frame comes.
    """
    # os.path, since pathlib raises OSError for a name that is too long.
    if os.path.isdir(path):
        raise OutputError(f"{option} {path} is a folder; name a file.")
    check_folder(path.parent, option)
    try:
        os.lstat(path)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{option} {path} cannot be written: {reason(error)}; choose another name."
        ) from error
    if path.resolve() in sources:
        raise OutputError(f"{option} {path} is the source itself; choose another name.")
    if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
        raise OutputError(f"{option} {path} cannot be overwritten; choose another name.")


def source_files(source: str) -> list[Path]:
    """The files behind a --source, which no output may overwrite."""
    # Addresses come here too: longer than a file's name may be, which pathlib cannot bear.
    if os.path.isdir(source):
        found = list(Path(source).iterdir())
    elif os.path.exists(source):
        found = [Path(source)]
    else:
        found = [Path(name) for name in glob.glob(source)]
    return [file.resolve() for file in found]


def write_whole(path: Path, data: bytes | Iterator[bytes], *, lasting: bool = True) -> None:
    """A file in place of what was there, see `replace_file`; OutputError says why it is not."""
    try:
        replace_file(path, data, lasting=lasting)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {reason(error)}; files written before stay as they are."
        ) from error


def begin_file(path: Path, data: bytes) -> FileIO:
    """A file that begins with this, in place of what was there, to be appended to; OutputError
    says why not, and then nothing has changed. A link is followed.
    """
    real = Path(os.path.realpath(path))
    try:
        replace_file(real, data, lasting=False)
        file = FileIO(real, "r+")
        file.seek(0, os.SEEK_END)
    except OSError as error:
        raise broken(path, error) from error
    return file


def check_kept(path: Path, descriptor: int) -> None:
    """OutputError where a file that is being written has no name any more: what goes into it is
    lost. A file that was renamed (as logs are) is kept.
    """
    if os.fstat(descriptor).st_nlink == 0:
        raise OutputError(
            f"{path} was removed, or replaced by another program, while it was being written; what "
            "this run wrote into it is lost."
        )


def broken(path: Path, error: Exception) -> OutputError:
    """The sentence for an output that failed on the way."""
    return OutputError(f"{path} cannot be written: {reason(error)}{KEPT}.")


def reason(error: Exception) -> str:
    """What the system says, in lower case: `no space left on device`."""
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]
