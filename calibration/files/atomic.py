"""Files of numbers: read with care, and written so that nothing old is lost."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from calibration.disk.replace import replace_file
from calibration.geometry.errors import CalibrationError, RigError

MAX_FILE_BYTES = 8 << 20  # bytes: a rig of a hundred cameras has less than a hundredth of it


def read_bytes(path: Path) -> bytes:
    """All of a small file; RigError where it cannot be had, or is too large to be a rig."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise RigError(f"There is no rig file {path}.") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        why = getattr(error, "strerror", None) or error
        raise RigError(f"Rig file {path.name} cannot be read: {why}.") from error
    if len(content) > MAX_FILE_BYTES:
        raise RigError(
            f"Rig file {path.name} is larger than {MAX_FILE_BYTES >> 20} MiB, too large for a "
            "camera file."
        )
    return content


def read_text(path: Path) -> str:
    """A small file's text; RigError where it is none."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RigError(f"Rig file {path.name} cannot be read: it is not UTF-8 text.") from error


def check_free(path: Path, *, force: bool, ending: str | None = None) -> None:
    """To be asked before hours of work. CalibrationError where something is there already and may
    not be replaced, where nothing can be written, or where the name ends in another way.
    """
    if ending is not None and path.suffix.lower() != ending:
        raise CalibrationError(f"--output {path} must end in {ending}.")
    if path.exists() and not force:
        raise CalibrationError(f"{path} exists already; choose another name or add --force.")
    folder = next(one for one in path.absolute().parents if one.exists())
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "it is a folder" if path.is_dir() else f"{folder} is not writable"
        raise CalibrationError(f"{path} cannot be written: {why}; choose another place.")


def write_texts(texts: Mapping[Path, str], *, force: bool = False) -> None:
    """Write files; old ones are kept as `<name>.bak`, and only replaced where `force` says so.

    All are written before the first takes its place. CalibrationError where that cannot be.
    """
    for path in texts:
        check_free(path, force=force)
    fresh = {path: path.with_name(f".posestream-{n}.new") for n, path in enumerate(texts)}
    path = Path()
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(fresh[path], text.encode())
        for path in texts:
            set_aside(path)
            fresh[path].replace(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise CalibrationError(f"{path} cannot be written: {why}.") from error
    finally:
        for left in fresh.values():
            try:
                left.unlink(missing_ok=True)
            except (OSError, ValueError):
                continue


def set_aside(path: Path) -> None:
    """Keep an old file as `<name>.bak`."""
    if path.exists():
        path.replace(path.with_name(f"{path.name}.bak"))
