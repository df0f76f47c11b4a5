"""A day of faults, in virtual time (python -m tests.bench.day tries more of them)."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.day.cameras import SCENE_EVERY
from tests.day.run import UNPAIRED, live_a_day

ALONE = "POSE_TEST_DAY"  # in the environment of the process that lives the day


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_nothing_is_lost_in_a_day_of_faults() -> None:
    """In a process of its own: its signals end nobody else's tests."""
    words = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    test = f"{Path(__file__).relative_to(ROOT)}::test_a_day"
    done = subprocess.run(
        [*words, test],
        cwd=ROOT,
        env={**os.environ, ALONE: "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "1 passed" in done.stdout


@pytest.mark.skipif(ALONE not in os.environ, reason="run by the test above")
def test_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logging.disable(logging.CRITICAL)
    try:
        day = live_a_day(tmp_path, 1, monkeypatch)
    except KeyboardInterrupt as error:  # which would end the tests, not this one
        raise AssertionError("a signal came through a run that had ended") from error
    finally:
        logging.disable(logging.NOTSET)
    scenes = 86_400 / SCENE_EVERY
    assert day.results > 10 * scenes
    assert day.unpaired < UNPAIRED * (scenes + sum(day.faults.values()))
    for fault in ("dead", "freezes", "jumps", "size", "full disk", "SIGTERM", "SIGHUP", "SIGINT"):
        assert day.faults[fault] > 0, fault
    assert min(day.dropped, day.unrecorded) > 0  # the network and the encoder fell behind
    assert min(day.clients, day.stalled) > 0
    assert day.runs > 3
    # Two people in each scene in which the camera is there, and no id for every frame.
    assert scenes / 2 < day.people < 2 * 2 * scenes
    assert max(day.sizes[6:]) < max(day.sizes[:6]) + 500
