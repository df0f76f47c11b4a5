"""Sources that belong together: their times, and what a rig's file says of them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from calibration.files.rig_toml import read_offsets, rig_toml
from calibration.geometry.errors import RigError
from engines.types.arrays import Floats
from realtime.runtime.synchronizer import merge
from realtime.settings.sources import SourceSettings
from realtime.sinks.files.openpose_json_2d import openpose_json
from realtime.sources import openpose_json as openpose_json_files
from realtime.sources.rig_sources import open_fitting
from tests.bodies import body, sightings
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


def test_files_of_keypoints_are_looked_through_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not say how large their pictures were; the rig does, as soon as it is read."""
    rig = ring(2)
    (tmp_path / "rig.toml").write_text(rig_toml(rig))
    for n, view in enumerate(sightings(rig, [body((0, 0))])):
        assert view is not None
        (tmp_path / f"cam{n}").mkdir()
        text = openpose_json(view.tracks)
        for index in range(3):
            (tmp_path / f"cam{n}" / f"{index:03d}_keypoints.json").write_text(text)
    read: list[str] = []
    really = openpose_json_files.read_people

    def counted(path: str) -> list[Floats]:
        read.append(path)
        return really(path)

    monkeypatch.setattr(openpose_json_files, "read_people", counted)
    wanted = SourceSettings(tuple(str(tmp_path / f"cam{n}") for n in range(2)))
    sources, fitted = open_fitting(wanted, tmp_path / "rig.toml")
    assert fitted is not None
    assert len(read) == len(set(read)) == 6
    for source, camera in zip(sources, fitted.cameras, strict=True):
        with source:
            assert [frame.size for frame in source] == [camera.size] * 3
        assert not any("how large" in note for note in source.notes)


def test_offsets_in_a_rigs_file(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    text = rig_toml(ring(3))
    path.write_text(text.replace('name = "cam1"\n', 'name = "cam1"\ntime_offset = -0.125\n'))
    assert read_offsets(path) == {"cam1": -0.125}
    for wrong in ("true", '"soon"', "nan", "[1]"):
        path.write_text(text.replace('name = "cam1"\n', f'name = "cam1"\ntime_offset = {wrong}\n'))
        with pytest.raises(RigError, match="time_offset"):
            read_offsets(path)
