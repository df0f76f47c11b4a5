"""One line on the terminal while a command works."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def working(words: str) -> Iterator[Callable[[str], None]]:
    """What is going on, and what changes it; it goes when the work is done, and nothing is said
    where nobody watches.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status(words) as status:
        yield lambda more: status.update(more)
