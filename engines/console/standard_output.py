"""Writing for a reader that may have seen enough, as `| head` has."""

from __future__ import annotations

import os
import sys


def write_help(text: str) -> None:
    """Write it whole, or as much of it as is read."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        abandon_output()


def abandon_output() -> None:
    """Throw away what standard output still holds: Python would fail on it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
