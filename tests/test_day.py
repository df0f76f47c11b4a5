"""A day of faults, in virtual time (python -m tests.bench.day tries more of them)."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from tests.day.cameras import SCENE_EVERY
from tests.day.run import UNPAIRED, live_a_day


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.own_process
def test_nothing_is_lost_in_a_day_of_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
