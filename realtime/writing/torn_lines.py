"""Files of lines whose last one a power cut, or a full disk, has torn."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

from realtime.types.errors import OutputError
from realtime.writing.whole_files import broken

LINE_ENDINGS = (".jsonl", ".csv")
MAX_LINE = 16 << 20  # bytes that are read from the end; a line of 300 people has 100 kB


def mend_lines(path: Path) -> int:
    """Cut off what is no whole line at the end of a file; how many bytes that was.

    A line is whole where it ends, and is JSON, or has as many cells as the first line of a table.
    OutputError where the file cannot be changed, or has no whole line.
    """
    try:
        with path.open("r+b") as file:
            first = file.readline(MAX_LINE)
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - MAX_LINE)
            file.seek(start)
            tail = file.read()
            end = len(tail)
            while end and not _whole(path, first, tail[:end]):
                end = tail.rfind(b"\n", 0, end - 1 if tail[end - 1 : end] == b"\n" else end) + 1
            if not end and size:
                raise OutputError(f"{path} has no whole line at its end, so it is left as it is.")
            if end < len(tail):
                file.truncate(start + end)
                os.fsync(file.fileno())
            return len(tail) - end
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise broken(path, error) from error


def _whole(path: Path, first: bytes, text: bytes) -> bool:
    """Whether the last line is."""
    if not text.endswith(b"\n"):
        return False
    line = text[text.rfind(b"\n", 0, -1) + 1 :]
    try:
        if path.suffix.lower() == ".csv":
            rows = [*csv.reader([first.decode(), line.decode()])]
            return len(rows) == 2 and len(rows[0]) == len(rows[1]) and "\0" not in line.decode()
        return isinstance(json.loads(line), dict)
    except (ValueError, csv.Error):
        return False
