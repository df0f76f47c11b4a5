"""Runs that are killed keep all frames in every output (python -m tests.bench.kills tries more)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.kills import kills

# Of a video, of keypoints with a rig, and one that is killed while it starts or just after.
SEEDS = (2, 3, 20)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_run_leaves_every_frame_in_every_output(tmp_path: Path) -> None:
    pytest.importorskip("ezc3d")
    outputs = set()
    for left in kills(tmp_path, SEEDS):
        assert left.wrong == []
        outputs |= set(left.behind)
    assert outputs >= {"takes", "record", "csv3d", "csv", "coco", "json", "json3d", "mot"}
