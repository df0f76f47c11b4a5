"""People of every skeleton through every output, read back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import aiohttp
import numpy as np
import pytest

from calibration.plots.viewpoint import upwards
from engines.types.arrays import Doubles
from engines.types.openpose_arrays import pose_skeleton
from engines.types.skeleton import FOLDER, Skeleton, named_skeleton
from engines.types.skeleton_conversion import converted
from engines.types.skeleton_groups import with_groups
from realtime.drawing.skeletons import draw
from realtime.mocap.bvh import bvh_files
from realtime.mocap.c3d import c3d_files
from realtime.mocap.gltf import gltf_files
from realtime.mocap.journal import Head, Journal
from realtime.mocap.take import Take, take_of
from realtime.mocap.trc import trc_files
from realtime.mocap.up_axis import turned_up
from realtime.settings.files import JsonSkeleton
from realtime.sinks.files.coco_results import CocoSink
from realtime.sinks.files.csv_3d import Csv3DSink
from realtime.sinks.files.jsonl_csv_udp import CsvSink, JsonLinesSink
from realtime.sinks.files.mot_challenge import MotSink
from realtime.sinks.files.openpose_json_2d import JsonSink, json_skeleton
from realtime.sinks.files.openpose_json_3d import openpose_json3d
from realtime.sinks.screens.web_sink import WebSink
from realtime.sinks.tables.long_rows import Rows3D
from realtime.types.errors import OutputError
from realtime.types.results import Tracks
from tests.calibration.cameras import ring
from tests.realtime.instants import instant
from tests.realtime.mocap.glb import Glb
from tests.realtime.results import grey, header, result, tracks
from tests.realtime.serving import following, play

NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))
WITHOUT_COCO = {"mpi15", "hand21", "face70", "car12", "car22"}
HIDDEN = 3  # a keypoint of the second one that is not found
RIG = ring(3)


WHOLE = "coco18 with hands, face and feet"


@pytest.fixture(params=[*NAMES, WHOLE])
def skeleton(request: pytest.FixtureRequest) -> Skeleton:
    if request.param == WHOLE:
        return with_groups(named_skeleton("coco18"), ("left_hand", "right_hand", "face", "feet"))
    return named_skeleton(request.param)


def seen(skeleton: Skeleton) -> Tracks:
    """Two of them, 7 and 9, every keypoint somewhere of its own."""
    rng = np.random.default_rng(1)
    people = rng.uniform((20, 20), (300, 220), (2, len(skeleton.keypoints), 2))
    people[1, HIDDEN] = np.nan
    return tracks(people, [7, 9], skeleton=skeleton)


def check(triples: Doubles, expected: Tracks) -> None:
    """(P, K, 3) x, y, score are the people, 0 where a keypoint was not found."""
    poses = expected.poses
    assert triples.shape == (2, len(poses.skeleton.keypoints), 3)
    np.testing.assert_allclose(triples[..., :2], np.nan_to_num(poses.xy), atol=1e-2)
    np.testing.assert_allclose(triples[..., 2], poses.score, atol=1e-6)


def test_openpose_json(skeleton: Skeleton, tmp_path: Path) -> None:
    with JsonSink(tmp_path) as sink:
        sink.write(result(seen(skeleton), name="a"))
    people = json.loads((tmp_path / "a_keypoints.json").read_text())["people"]
    assert [one["person_id"] for one in people] == [[7], [9]]
    flat = [one["pose_keypoints_2d"] for one in people]
    pose = pose_skeleton(skeleton)
    expected = Tracks.untracked(converted(seen(skeleton).poses, pose))
    check(np.array(flat).reshape(2, -1, 3), expected)
    for field, group in (
        ("hand_left_keypoints_2d", "left_hand"),
        ("hand_right_keypoints_2d", "right_hand"),
        ("face_keypoints_2d", "face"),
    ):
        at = skeleton.groups[group] if skeleton.base else ()
        triples = np.array([one[field] for one in people]).reshape(2, -1, 3)
        assert triples.shape[1] == len(at)
        np.testing.assert_allclose(
            triples[..., :2], seen(skeleton).poses.xy[:, list(at)], atol=1e-2
        )


@pytest.mark.parametrize("target", get_args(JsonSkeleton))
def test_openpose_json_in_another_skeleton(skeleton: Skeleton, target: str, tmp_path: Path) -> None:
    """All that can be is written, and what has nothing in common says so before anything runs."""
    assert sorted(get_args(JsonSkeleton)) == NAMES
    expected = converted(seen(skeleton).poses, named_skeleton(target))
    if not expected.found[:, named_skeleton(target).body].any():
        with pytest.raises(OutputError, match=f"--json-skeleton {target} does not fit this model"):
            json_skeleton(target, skeleton)
        return
    with JsonSink(tmp_path, json_skeleton(target, skeleton)) as sink:
        sink.write(result(seen(skeleton), name="a"))
    people = json.loads((tmp_path / "a_keypoints.json").read_text())["people"]
    flat = [one["pose_keypoints_2d"] for one in people]
    check(np.array(flat).reshape(2, -1, 3), tracks_of(expected.xy, target))
    shared = len(set(skeleton.keypoints) & set(named_skeleton(target).keypoints))
    assert expected.found[0].sum() >= shared


def tracks_of(people: Doubles, name: str) -> Tracks:
    return tracks(list(people), [7, 9], skeleton=named_skeleton(name))


def test_coco_results(skeleton: Skeleton, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    if skeleton.name in WITHOUT_COCO:
        with pytest.raises(OutputError, match=f"{skeleton.name} has no "):
            CocoSink(path, [], skeleton)
        return
    with CocoSink(path, [], skeleton) as sink:
        sink.write(result(seen(skeleton)))
    coco = converted(seen(skeleton).poses, named_skeleton("coco17"))
    entries = json.loads(path.read_text())
    assert [entry["score"] for entry in entries] == [10, 11]
    points = np.array([entry["keypoints"] for entry in entries]).reshape(2, 17, 3)
    np.testing.assert_allclose(points[0, :, :2], coco.xy[0], atol=1e-2)


def test_json_lines(skeleton: Skeleton, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    with JsonLinesSink(path, [], header(skeleton)) as sink:
        sink.write(result(seen(skeleton)))
    head, line = (json.loads(text) for text in path.read_text().splitlines())
    assert head["skeleton"]["keypoints"] == list(skeleton.keypoints)
    assert [one["id"] for one in line["people"]] == [7, 9]
    check(np.array([one["keypoints"] for one in line["people"]]), seen(skeleton))


def test_the_table(skeleton: Skeleton, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    with CsvSink(path, [], skeleton) as sink:
        sink.write(result(seen(skeleton)))
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [row["id"] for row in rows] == ["7", "9"]
    cells = [
        [[float(row[f"{name}_{one}"] or 0) for one in ("x", "y", "score")] for row in rows]
        for name in skeleton.keypoints
    ]
    check(np.array(cells).swapaxes(0, 1), seen(skeleton))


def test_mot_challenge(skeleton: Skeleton, tmp_path: Path) -> None:
    """A box holds all of somebody, hands and feet too."""
    path = tmp_path / "m.txt"
    with MotSink(path, []) as sink:
        sink.write(result(seen(skeleton)))
    rows = np.loadtxt(path, delimiter=",")
    assert rows[:, 1].tolist() == [7, 9]
    for row, points in zip(rows, seen(skeleton).poses.xy, strict=True):
        corner = row[2:4] - 1
        assert (np.nanmin(points, axis=0) >= corner - 0.01).all()
        assert (np.nanmax(points, axis=0) <= corner + row[4:6] + 0.01).all()


def test_the_overlay_shows_every_keypoint(skeleton: Skeleton) -> None:
    image = grey(value=30)
    people = seen(skeleton)
    drawn = draw(image, people)
    for points in people.poses.xy:
        x, y = np.rint(points[~np.isnan(points[:, 0])]).astype(int).T
        assert (drawn[y, x] != image[y, x]).any(-1).all()


def test_lines_on_the_web(skeleton: Skeleton) -> None:
    async def work(sink: WebSink, client: aiohttp.ClientSession, url: str) -> None:
        async with following(client, url) as ws:
            sink.write(result(seen(skeleton)))
            line = json.loads(await ws.receive_str())
        check(np.array([one["keypoints"] for one in line["people"]]), seen(skeleton))

    play(work)


def bodies(skeleton: Skeleton, n: int = 0) -> list[Doubles]:
    """Two of them in space, some metres from the world's middle; they move along x."""
    rng = np.random.default_rng(2)
    shape = rng.uniform((-0.5, -0.3, 0), (0.5, 0.3, 1.8), (2, len(skeleton.keypoints), 3))
    shape[1, HIDDEN] = np.nan
    return [shape[0] + (0.01 * n, 0, 0), shape[1] + (1 + 0.01 * n, 0, 0)]


def take(skeleton: Skeleton) -> Take:
    recording = Journal(io.BytesIO(), Head(skeleton, 25))
    for n in range(5):
        poses = instant(bodies(skeleton, n), [7, 9], n / 25, skeleton=skeleton).poses3d
        assert poses is not None
        recording.add(n / 25, poses)
    return take_of(recording.file, "t.takes")[0]


def test_space_in_json_lines_json3d_and_the_table(skeleton: Skeleton, tmp_path: Path) -> None:
    one = instant(bodies(skeleton), [7, 9], skeleton=skeleton)
    expected = np.array(bodies(skeleton))
    assert one.poses3d is not None
    head = header(skeleton, rig=RIG)
    with JsonLinesSink(tmp_path / "p.jsonl", [], head) as lines:
        lines.write(one)
    line = json.loads((tmp_path / "p.jsonl").read_text().splitlines()[1])
    points = [[point or [np.nan] * 3 for point in who["xyz"]] for who in line["space"]]
    np.testing.assert_allclose(points, expected, atol=1e-4)
    people = json.loads(openpose_json3d(one.poses3d))["people"]
    arrays: dict[str, Sequence[int]] = {"pose_keypoints_3d": range(len(skeleton.keypoints))}
    if skeleton.base:
        arrays = {
            "hand_left_keypoints_3d": skeleton.left_hand,
            "hand_right_keypoints_3d": skeleton.right_hand,
            "face_keypoints_3d": skeleton.face,
        }
    for field, at in arrays.items():
        quads = np.array([who[field] for who in people]).reshape(2, -1, 4)
        np.testing.assert_allclose(quads[..., :3], np.nan_to_num(expected[:, at]), atol=1e-4)
        np.testing.assert_array_equal(quads[..., 3], ~np.isnan(expected[:, at, 0]))
    with Csv3DSink(tmp_path / "p_3d.csv", [], skeleton) as table:
        table.write(one)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "p_3d.csv").read_text())))
    cells = [
        [[float(row[f"{name}_{axis}"] or "nan") for axis in "xyz"] for name in skeleton.keypoints]
        for row in rows
    ]
    np.testing.assert_allclose(cells, expected, atol=1e-4)


def test_trc(skeleton: Skeleton, tmp_path: Path) -> None:
    files = dict(trc_files(tmp_path / "t.trc", take(skeleton), np.eye(3)))
    assert sorted(path.name for path in files) == ["t_person7.trc", "t_person9.trc"]
    for person, text in enumerate(files[path] for path in sorted(files)):
        lines = b"".join(text).decode().splitlines()
        markers = [name for name in lines[3].split("\t")[2:] if name]
        assert len(set(markers)) == len(skeleton.keypoints)
        row = np.array(lines[6].split("\t")[2:], float).reshape(-1, 3)
        np.testing.assert_allclose(row, bodies(skeleton)[person], atol=1e-5)


def test_c3d(skeleton: Skeleton, tmp_path: Path) -> None:
    ezc3d = pytest.importorskip("ezc3d")
    ((path, data),) = c3d_files(tmp_path / "t.c3d", take(skeleton), RIG)
    path.write_bytes(b"".join(data))
    file = ezc3d.c3d(str(path))
    points = file["data"]["points"]
    assert points.shape[1] == 2 * len(skeleton.keypoints)
    parameters = file["parameters"]["POINT"]
    labels = [one for key in parameters if "LABELS" in key for one in parameters[key]["value"]]
    trc = next(iter(dict(trc_files(tmp_path / "t.trc", take(skeleton), np.eye(3))).values()))
    markers = [name for name in b"".join(trc).decode().splitlines()[3].split("\t")[2:] if name]
    assert labels == [f"person{who}:{name}" for who in (7, 9) for name in markers]
    turn = 1000 * turned_up(upwards(RIG), 2)
    there = np.concatenate(bodies(skeleton)) @ turn.T
    np.testing.assert_allclose(points[:3, :, 0].T, there, atol=0.01)


def test_bvh_of_whoever_has_hips_and_a_trunk(
    skeleton: Skeleton, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    turn = turned_up(upwards(RIG), 1)
    files = list(partial(bvh_files, turn=turn)(tmp_path / "t.bvh", take(skeleton)))
    if {"left_hip", "right_hip"} <= set(skeleton.keypoints):
        assert [path.name for path, _ in files] == ["t_person7.bvh", "t_person9.bvh"]
        assert all(b"Frames: 5" in b"".join(data) for _, data in files)
    else:
        assert files == []
        assert (
            caplog.text.count("is not written, because hips and trunk were never seen together")
            == 2
        )


def test_gltf_of_whoever_has_hips_and_a_trunk(skeleton: Skeleton, tmp_path: Path) -> None:
    files = [*gltf_files(tmp_path / "t.glb", take(skeleton), turned_up(upwards(RIG), 1))]
    if {"left_hip", "right_hip"} <= set(skeleton.keypoints):
        ((_, data),) = files
        file = Glb(b"".join(data))
        knee = skeleton.keypoints.index("left_knee")
        for who in (7, 9):
            place = file.places(f"person{who}", 2 / 25)["LeftLeg"][:3, 3]
            expected = bodies(skeleton, 2)[who == 9][knee]
            np.testing.assert_allclose(place[[2, 0, 1]], expected, atol=1e-3)
    else:
        assert files == []


def test_tables_in_long_format(skeleton: Skeleton, tmp_path: Path) -> None:
    one = instant(bodies(skeleton), [7, 9], skeleton=skeleton)
    assert one.poses3d is not None
    one.poses3d.detections[:] = -1
    rows = Rows3D(skeleton, angles=True)
    columns = rows.of(one)
    assert columns is not None
    assert [*columns] == [*rows.kinds]
    known = ~np.isnan(np.array(bodies(skeleton))[..., 0])
    names = np.array(skeleton.keypoints)[np.nonzero(known)[1]]
    assert columns["keypoint"].tolist() == names.tolist()
    xyz = np.stack([columns[axis] for axis in "xyz"], axis=1)
    np.testing.assert_allclose(xyz, np.array(bodies(skeleton))[known], atol=1e-6)
