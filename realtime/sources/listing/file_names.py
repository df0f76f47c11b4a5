"""Names of files: their natural order, one fit for outputs, and the nearest to a mistyped one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

# What some file system refuses in a name, and what no UTF-8 output can hold.
UNFIT_CHARACTERS = re.compile(r'[<>:"/\\|?*\x00-\x1f\ud800-\udfff]')


def natural(text: str) -> tuple[list[str | int], str]:
    """Sort key that counts: img2 before img10."""
    parts = re.split(r"([0-9]+)", text.casefold())
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], text


def file_name(text: str) -> str:
    """The text with everything replaced that is not fit for a file name on every system."""
    return UNFIT_CHARACTERS.sub("_", text).strip(" .") or "source"


def unique_names(paths: Iterable[str]) -> list[str]:
    """A name for each file: its own without the ending.

    Where several have the same (photo.jpg and photo.png, or letter case alone differs), the second
    in the order given is called 2_photo and so on. The count stands in front because the last
    number in a name is the photo's id in COCO results.
    """
    names: list[str] = []
    taken: set[str] = set()
    for path in paths:
        stem = name = file_name(Path(path).stem)
        count = 1
        while name.casefold() in taken:
            count += 1
            name = f"{count}_{stem}"
        taken.add(name.casefold())
        names.append(name)
    return names


def glob_name(pattern: str, found: Sequence[str]) -> str:
    """What the files of a pattern are called together: as their folder; where that holds others of
    their kind too (of another camera), what the pattern says of them: `left` of `photos/left*.png`.
    """
    folder = os.path.commonpath([os.path.dirname(os.path.abspath(one)) for one in found])
    endings = {Path(one).suffix.lower() for one in found}
    there = [one for one in os.listdir(folder) if Path(one).suffix.lower() in endings]
    words = re.split(r"\[[^]]*\]|[*?]+", Path(os.path.basename(pattern)).stem)
    said = max((word.strip("_-. ") for word in words), key=len)
    if len(there) > len(found) and re.search(r"[^\W\d_]", said):
        return said
    return os.path.basename(folder)


def nearest(path: str) -> str:
    """A sentence with the name in the same folder that is most like a missing one, or nothing."""
    folder, name = os.path.split(path)
    try:
        there = os.listdir(folder or ".")
    except OSError:
        return ""
    close = get_close_matches(name, there, n=1)
    return f" Did you mean {os.path.join(folder, close[0])!r}?" if close else ""


def unused(name: str, taken: set[str]) -> str:
    """The name, with the first number from 2 on behind it that makes it new."""
    count, new = 1, name
    while new in taken:
        count += 1
        new = f"{name}_{count}"
    return new
