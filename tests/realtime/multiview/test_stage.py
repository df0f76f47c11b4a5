"""A rig and its sources, and 3D people as files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.files.rig_toml import write_rig
from realtime.assembly import run, stream
from realtime.multiview.stage import RigStage
from realtime.settings.all import Settings
from realtime.sinks.files.openpose_json_2d import openpose_json
from realtime.sources.rig_sources import open_rig
from realtime.types.errors import SettingsError, SourceError
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring
from tests.realtime.wanted import settings

RIG = ring(4, radius=5)
PEOPLE = [body((-0.5, 0.2)), body((0.8, -0.4), heading=1)]


def recorded(folder: Path, **options: Any) -> Settings:
    """Three instants of the people as folders of keypoints beside the rig, to be run."""
    write_rig(RIG, folder / "rig.toml")
    for n in range(3):
        for view in sightings(RIG, PEOPLE):
            assert view is not None
            (folder / view.frame.camera).mkdir(exist_ok=True)
            file = folder / view.frame.camera / f"{n:03d}_keypoints.json"
            file.write_text(openpose_json(view.tracks))
    sources = tuple(str(folder / f"cam{n}") for n in (2, 0, 3, 1))  # matched by name
    return settings(*sources, camera_size="1280x720", rig=folder / "rig.toml", **options)


def test_folders_of_keypoints_become_people_in_space(tmp_path: Path) -> None:
    out = tmp_path / "out"
    results = list(stream(recorded(tmp_path, json3d=out)))
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


def test_all_files_of_people_in_space_agree(tmp_path: Path) -> None:
    """One run, every output: the same people with the same ids, in the worlds that each says."""
    out = tmp_path / "out"
    files = {"json": out / "2d", "json3d": out / "3d", "jsonl": out / "p.jsonl"}
    files |= {"csv": out / "p.csv", "trc": out / "p.trc", "bvh": out / "p.bvh"}
    run(recorded(tmp_path, json_skeleton="coco18", **files))
    names = ["2d", "3d", "p.csv", "p.jsonl", "p_3d.csv"]
    names += [f"p_person{n}.{ending}" for n in (0, 1) for ending in ("bvh", "trc")]
    assert sorted(file.name for file in out.iterdir()) == sorted(names)
    line = json.loads((out / "p.jsonl").read_text().splitlines()[1])
    first = {one["id"]: np.array(one["xyz"]) for one in line["space"]}
    assert sorted(first) == [0, 1]
    for one in json.loads((out / "3d" / "rig_000000000000_keypoints.json").read_text())["people"]:
        numbers = np.array(one["pose_keypoints_3d"]).reshape(18, 4)
        nose = first[one["person_id"][0]][BODY25.keypoints.index("nose")]
        assert numbers[0] == pytest.approx([*nose, 1], abs=1e-4)
    rows = list(csv.DictReader((out / "p_3d.csv").read_text().splitlines()))
    assert [(row["instant"], row["id"]) for row in rows[:2]] == [("0", "0"), ("0", "1")]
    for identity, points in first.items():
        nose = points[BODY25.keypoints.index("nose")]
        row = rows[identity]
        assert [float(row[f"nose_{axis}"]) for axis in "xyz"] == pytest.approx(nose, abs=1e-4)
        trc = (out / f"p_person{identity}.trc").read_text().splitlines()
        assert trc[2].split("\t")[:5] == ["30", "30", "3", "25", "m"]
        assert [float(cell) for cell in trc[6].split("\t")[2:5]] == pytest.approx(
            nose[[1, 2, 0]], abs=1e-4
        )
        bvh = (out / f"p_person{identity}.bvh").read_text().splitlines()
        assert bvh[-5:-3] == ["Frames: 3", "Frame Time: 0.033333333"]
        hips = (points[BODY25.keypoints.index("left_hip")] + points[9]) / 2
        assert BODY25.keypoints[9] == "right_hip"
        assert [float(cell) for cell in bvh[-3].split()[:3]] == pytest.approx(
            hips[[1, 2, 0]], abs=1e-3
        )
    for view in range(4):
        seen = sorted((out / "2d" / f"cam{view}").iterdir())
        assert len(seen) == 3
        people = json.loads(seen[0].read_text())["people"]
        assert sorted(one["person_id"] for one in people) == [[0], [1]]


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
        settings("a", "b", json3d=tmp_path)
    other = ring(4, radius=5)
    views = sightings(other, PEOPLE)
    upright = other.cameras[0].__class__("cam0", (720, 1280), other.cameras[0].matrix)
    wrong = type(other)((upright, *other.cameras[1:]))
    with pytest.raises(SourceError, match="does not fit the rig"):
        RigStage(wrong, BODY25).update(0, views)


def test_keypoints_of_few_cameras_are_left_out_where_more_are_asked_for() -> None:
    """A wrist that two of four cameras see, and somebody whom two see."""
    views = sightings(RIG, PEOPLE)
    wrist = BODY25.keypoints.index("left_wrist")
    for number in (0, 1):
        view = views[number]
        assert view is not None
        view.tracks.poses.xy[0, wrist] = np.nan
        view.tracks.poses.score[0, wrist] = 0
        view.tracks.poses.xy[1] = np.nan
        view.tracks.poses.score[1] = 0
    plain, strict = RigStage(RIG, BODY25), RigStage(RIG, BODY25, min_views=3)
    for n in range(8):  # whom two views see is believed after some frames
        every, many = (stage.update(n / 30, views) for stage in (plain, strict))
    away = [np.linalg.norm(many.xyz - who, axis=2) for who in PEOPLE]
    assert len(every) == 2
    assert len(many) == 1
    assert np.nanmax(away[0]) < 0.01
    assert np.flatnonzero(np.isnan(many.xyz[0, :, 0])).tolist() == [wrist]
    assert np.isnan(many.error[0, wrist])
    with pytest.raises(SettingsError, match=r"--min-views 5 is more .* the rig has 4 cameras"):
        RigStage(RIG, BODY25, min_views=5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"min_views": 3}, r"--min-views is about 3D people; add --rig"),
        ({"min_views": 1, "rig": Path("a.toml")}, "--min-views must be 2 or more, not 1"),
        ({"output3d": Path("a.mp4")}, "--output3d needs calibrated cameras; add --rig"),
        ({"output3d": Path("a.gif"), "rig": Path("a.toml")}, "--output3d a.gif: .* must end in"),
    ],
)
def test_what_3d_needs_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings("a", "b", **options)
