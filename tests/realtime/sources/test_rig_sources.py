"""Sources that belong together: their times, and what a rig's file says of them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from calibration.files.rig_toml import read_offsets, rig_toml
from calibration.geometry.errors import RigError
from realtime.runtime.synchronizer import merge
from realtime.settings.sources import SourceSettings
from realtime.sources.rig_sources import open_fitting
from tests.calibration.cameras import ring
from tests.realtime.clips import RATE, coded, shown, write


def test_videos_are_paired_by_their_shifted_times(tmp_path: Path) -> None:
    """Video b began three frames after a, and so shows what a shows three frames later."""
    a = write(tmp_path / "a.mp4", [coded(n) for n in range(12)])
    b = write(tmp_path / "b.mp4", [coded(n) for n in range(3, 12)])
    wanted = SourceSettings((str(a), str(b)), offsets=f"b={3 / RATE}")
    sources, rig = open_fitting(wanted)
    assert rig is None
    with ExitStack() as stack:
        for source in sources:
            stack.enter_context(source)
        sets = [
            [None if frame is None else shown(frame.image) for frame in frames]
            for frames in merge([iter(source) for source in sources])
        ]
    assert sets == [[n, n if n >= 3 else None] for n in range(12)]


def test_offsets_in_a_rigs_file(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    text = rig_toml(ring(3))
    path.write_text(text.replace('name = "cam1"\n', 'name = "cam1"\ntime_offset = -0.125\n'))
    assert read_offsets(path) == {"cam1": -0.125}
    for wrong in ("true", '"soon"', "nan", "[1]"):
        path.write_text(text.replace('name = "cam1"\n', f'name = "cam1"\ntime_offset = {wrong}\n'))
        with pytest.raises(RigError, match="time_offset"):
            read_offsets(path)
