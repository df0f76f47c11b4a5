"""Waiting for what another thread or process does, however busy the machine is.

No test says how long a thing may take. A wait fails at once where the process that should do it
has ended, and else when nothing at all has happened for PATIENCE seconds; the limit of each test
(pyproject.toml) ends what never comes.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 240.0


def wait_for(
    check: Callable[[], T | None],
    *,
    process: subprocess.Popen[str] | None = None,
    progress: Callable[[], object] = lambda: None,
    patience: float = PATIENCE,
) -> T:
    """What `check` gives as soon as it is something.

    process: whose work it is. progress: what changes while that work goes on, such as a count of
    files; each change starts the patience anew.
    """
    last, since = progress(), time.monotonic()
    while True:
        ended = process is not None and process.poll() is not None
        found = check()
        if found:
            return found
        assert not ended, f"the process ended first, with {process and process.returncode}"
        now = progress()
        if now != last:
            last, since = now, time.monotonic()
        assert time.monotonic() - since < patience, f"nothing in {patience:g} s; last: {last}"
        time.sleep(0.02)
