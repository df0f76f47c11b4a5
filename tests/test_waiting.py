"""The helper by which other tests wait."""

from __future__ import annotations

import subprocess
import sys
from itertools import count

import pytest

from tests.waiting import wait_for


def test_it_gives_what_came() -> None:
    turns = count()
    assert wait_for(lambda: turn if (turn := next(turns)) > 5 else None) == 6


def test_it_gives_up_when_nothing_happens_but_not_while_something_does() -> None:
    with pytest.raises(AssertionError, match=r"nothing in 0\.1 s; last: 7"):
        wait_for(lambda: None, progress=lambda: 7, patience=0.1)
    turns, steps = count(), count()
    # 20 turns of 20 ms are longer than the patience.
    assert wait_for(lambda: next(turns) > 20, progress=lambda: next(steps), patience=0.2)


def test_a_process_that_has_ended_is_not_waited_for() -> None:
    with (
        subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], text=True) as process,
        pytest.raises(AssertionError, match="ended first, with 3"),
    ):
        wait_for(lambda: None, process=process)


def test_what_a_process_did_last_counts() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], text=True) as process:
        process.wait()
        assert wait_for(lambda: "done", process=process) == "done"
