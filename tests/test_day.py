"""A day of faults, in virtual time (python -m tests.bench.day tries more of them)."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from tests.day.run import SCENE_EVERY, UNPAIRED, live_a_day


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_nothing_is_lost_in_a_day_of_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logging.disable(logging.CRITICAL)
    try:
        day = live_a_day(tmp_path, 1, monkeypatch)
    finally:
        logging.disable(logging.NOTSET)
    scenes = 86_400 / SCENE_EVERY
    assert day.results > 5 * scenes
    assert day.unpaired < UNPAIRED * (scenes + sum(day.faults.values()))
    assert min(day.faults[fault] for fault in ("dead", "freezes", "jumps", "full disk")) > 0
    assert day.runs > 3
    assert max(day.sizes[6:]) < max(day.sizes[:6]) + 500
