"""A rig and its sources, and people in space as files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from calibration.rigfile import write_rig
from realtime.config import OutputSettings, Settings, SourceSettings
from realtime.errors import SettingsError, SourceError
from realtime.pipeline import stream
from realtime.rig import open_rig
from realtime.sinks.json import openpose_json
from realtime.space import Space
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring

RIG = ring(4, radius=5)
PEOPLE = [body((-0.5, 0.2)), body((0.8, -0.4), heading=1)]


def test_folders_of_keypoints_become_people_in_space(tmp_path: Path) -> None:
    write_rig(RIG, tmp_path / "rig.toml")
    for n in range(3):
        for view in sightings(RIG, PEOPLE):
            assert view is not None
            (tmp_path / view.frame.camera).mkdir(exist_ok=True)
            file = tmp_path / view.frame.camera / f"{n:03d}_keypoints.json"
            file.write_text(openpose_json(view.tracks))
    sources = tuple(str(tmp_path / f"cam{n}") for n in (2, 0, 3, 1))  # matched by name
    out = tmp_path / "out"
    outputs = OutputSettings(show=False, quiet=True, rig=tmp_path / "rig.toml", json3d=out)
    results = list(
        stream(Settings(SourceSettings(sources, camera_size="1280x720"), outputs=outputs))
    )
    names = [f"rig_{n:012d}_keypoints.json" for n in range(3)]
    assert sorted(file.name for file in out.iterdir()) == names
    for name, result in zip(names, results, strict=True):
        people = json.loads((out / name).read_text())["people"]
        assert sorted(one["person_id"] for one in people) == [[0], [1]]
        for one in people:
            numbers = np.array(one["pose_keypoints_3d"]).reshape(25, 4)
            assert (numbers[:, 3] == 1).all()
            off = [np.linalg.norm(numbers[:, :3] - who, axis=1).max() for who in PEOPLE]
            assert min(off) < 0.01
        for view in result.views:
            assert view is not None
            assert sorted(view.tracks.id.tolist()) == [0, 1]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    write_rig(RIG, tmp_path / "rig.toml")
    path = tmp_path / "rig.toml"
    rig = open_rig(path, ["a", "b", "c", "d"]).rig  # by order
    assert [camera.name for camera in rig.cameras] == ["cam0", "cam1", "cam2", "cam3"]
    with pytest.raises(SettingsError, match="has the cameras cam0, cam1, cam2, cam3"):
        open_rig(path, ["a", "b", "c"])
    with pytest.raises(SettingsError, match="at least two sources"):
        open_rig(path, ["cam0"])
    with pytest.raises(SettingsError, match="There is no rig file"):
        open_rig(tmp_path / "none.toml", ["cam0", "cam1"])
    with pytest.raises(SettingsError, match="--json3d needs"):
        OutputSettings(json3d=tmp_path)
    other = ring(4, radius=5)
    views = sightings(other, PEOPLE)
    upright = other.cameras[0].__class__("cam0", (720, 1280), other.cameras[0].matrix)
    wrong = type(other)((upright, *other.cameras[1:]))
    with pytest.raises(SourceError, match="does not fit the rig"):
        Space(wrong, BODY25).place(0, views)
