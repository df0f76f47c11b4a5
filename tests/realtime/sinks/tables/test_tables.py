"""Tables in long format, read back by pandas and pyarrow."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import posestream
from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from engines.types.skeleton_groups import with_groups
from realtime.assembly import run
from realtime.settings.files import FileSettings
from realtime.sinks.tables import parquet
from realtime.sinks.tables.long_rows import COVARIANCE, Rows, Rows2D, Rows3D
from realtime.sinks.tables.parquet import Parquet
from realtime.sinks.tables.table_sink import LongCsv, TableSink
from realtime.types.errors import OutputError, SettingsError
from realtime.types.results import Poses3D, Result, Tracks, View
from tests.bodies import BODY25, body
from tests.realtime.instants import instant
from tests.realtime.results import files_at_most, header, result, tracks
from tests.realtime.wanted import settings
from tests.synth import SKELETON, hide, person

pandas = pytest.importorskip("pandas")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
PEOPLE = [
    hide(person((100, 100), 120), "left_wrist", "nose"),
    person((220, 110), 100, "walking"),
]
FORMATS = ("csv", "parquet")


def sink_of(
    path: Path, rows: Rows, skeleton: Skeleton = SKELETON, names: Sequence[str] = ("clip",)
) -> TableSink:
    head = header(skeleton, names)
    if path.suffix == ".csv":
        return TableSink(path, LongCsv(path, [], rows), rows, head)
    return TableSink(path, Parquet(path, [], rows, head), rows, head)


def read(path: Path) -> Any:
    return pandas.read_csv(path) if path.suffix == ".csv" else pandas.read_parquet(path)


def instants() -> list[Result]:
    """Two people with ids, nobody, one of them and somebody without an id."""
    return [
        result(tracks(PEOPLE, ids=[7, 9]), time=0.1),
        result(index=1, time=0.2),
        result(tracks(PEOPLE, ids=[9, -1]), index=2, time=1 / 3),
    ]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_keypoint_found_is_a_row(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"poses.{kind}"
    with sink_of(path, Rows2D(SKELETON)) as sink:
        for one in instants():
            sink.write(one)
    table = read(path)
    assert [*table] == [
        *("frame", "time", "camera", "person", "keypoint", "x", "y", "score"),
    ]
    assert len(table) == 2 * (16 + 18)
    assert {*zip(table.frame, table.time, strict=True)} == {(0, 0.1), (2, 0.333333)}
    assert {*table.camera} == {"clip"}
    assert (table.score == 0.5).all()
    for frame, who, points in ((0, 7, PEOPLE[0]), (0, 9, PEOPLE[1]), (2, -2, PEOPLE[1])):
        own = table[(table.frame == frame) & (table.person == who)].set_index("keypoint")
        seen = ~np.isnan(points[:, 0])
        names = np.array(SKELETON.keypoints)[seen]
        assert {*own.index} == {*names}
        np.testing.assert_allclose(own.loc[names, ["x", "y"]], points[seen], atol=1e-3)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_table_of_a_run_is_that_of_python(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"p.{kind}"
    option = {"csv": path, "csv_format": "long"} if kind == "csv" else {"parquet": path}
    photo = Path(__file__).parents[4] / "docs" / "astronaut.jpg"
    run(settings(str(photo), model="pafnet", **option))
    with posestream.Pose("pafnet") as pose:
        expected = pose(str(photo)).to_pandas()
    table = read(path)
    assert [*table] == [*expected]
    assert [*table.keypoint] == [*expected.keypoint]
    np.testing.assert_allclose(table[["x", "y", "score"]], expected[["x", "y", "score"]], rtol=1e-4)


def seen_by(one: Result, scores: list[float], carried: bool = False) -> Result:
    """An instant whose first person is seen by so many cameras with these scores."""
    assert one.poses3d is not None
    views = []
    for score in scores:
        own = tracks([np.full((25, 2), 50.0)], ids=[4], skeleton=BODY25)
        poses = replace(own.poses, score=np.full((1, 25), score, np.float32))
        filled = np.full((1, 25), carried and score < 0.5)
        (view,) = one.views
        assert view is not None
        views.append(View(view.frame, Tracks(own.id, poses, filled)))
    detections = np.full((len(one.poses3d), len(scores)), -1)
    detections[0] = 0
    return Result(one.time, (*views,), {}, poses3d=replace(one.poses3d, detections=detections))


def spread(people: int, seed: int) -> Doubles:
    """(P, 25, 3, 3) covariances in square metres."""
    half = np.random.default_rng(seed).normal(0, 0.02, (people, 25, 3, 3))
    return half @ half.swapaxes(-1, -2)


@pytest.mark.parametrize("kind", FORMATS)
def test_people_in_space_have_scores_and_covariances(kind: str, tmp_path: Path) -> None:
    path, bodies = tmp_path / f"p_3d.{kind}", [body((0, 0)), body((1, 0))]
    bodies[1][4] = np.nan
    one = seen_by(instant(bodies, [4, 6], 0.5, filled=[(0, 3)]), [0.9, 0.6])
    assert isinstance(one.poses3d, Poses3D)
    covariance = spread(2, 0).astype(np.float32)
    known = replace(one, poses3d=replace(one.poses3d, covariance=covariance))
    with sink_of(path, Rows3D(BODY25, angles=True), BODY25, ("a", "b")) as sink:
        sink.write(known)
        sink.write(result(time=0.6))  # no rig's
        sink.write(seen_by(instant(bodies[:1], [4], 0.7), [0.9, 0.4], carried=True))
    table = read(path)
    assert [*table] == [
        *("frame", "time", "person", "keypoint", "x", "y", "z", "score", "error", "views"),
        *("filled", *COVARIANCE, "angle"),
    ]
    assert len(table) == 25 + 24 + 25
    assert {*zip(table.frame, table.time, strict=True)} == {(0, 0.5), (1, 0.7)}
    first = table[(table.frame == 0) & (table.person == 4)]
    np.testing.assert_allclose(first[["x", "y", "z"]], bodies[0], atol=1e-5)
    np.testing.assert_allclose(first.score, 0.75, atol=1e-5)
    assert [*first.filled.astype(int)] == [int(n == 3) for n in range(25)]
    rows, columns = np.triu_indices(3)
    np.testing.assert_allclose(first[[*COVARIANCE]], covariance[0][:, rows, columns], rtol=1e-4)
    second = table[table.person == 6]
    assert "right_wrist" not in {*second.keypoint}
    assert (second.score == 0).all()  # whom no view shows
    third = table[table.frame == 1]
    np.testing.assert_allclose(third.score, 0.9, atol=1e-5)  # what is carried was not seen
    assert third[[*COVARIANCE]].isna().all(axis=None)
    assert first.set_index("keypoint").angle["left_elbow"] < 180
    assert np.isnan(first.set_index("keypoint").angle["nose"])


def test_parquet_says_what_the_numbers_mean(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    with sink_of(path, Rows2D(SKELETON)) as sink:
        for one in instants():
            sink.write(one)
    schema = pq.read_schema(path)
    head = json.loads(schema.metadata[b"posestream"])
    assert head["skeleton"]["keypoints"] == list(SKELETON.keypoints)
    assert head["cameras"] == [{"name": "clip", "fps": 25, "size": [320, 240], "live": False}]
    assert head["units"]["score"]
    types = {name: str(schema.field(name).type) for name in ("frame", "time", "camera", "x")}
    assert types == {"frame": "int64", "time": "double", "camera": "string", "x": "float"}


def test_row_groups_are_written_as_they_fill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept in memory is bounded; nothing has the file's name before it is whole."""
    monkeypatch.setattr(parquet, "GROUP_ROWS", 100)
    path = tmp_path / "p.parquet"
    path.write_bytes(b"earlier")
    with sink_of(path, Rows2D(SKELETON)) as sink:
        for n in range(20):
            sink.write(result(tracks(PEOPLE, ids=[1, 2]), index=n, time=n / 25))
            assert path.read_bytes() == b"earlier"
    file = pq.ParquetFile(path)
    assert file.metadata.num_row_groups == 7  # of three frames, 34 rows each; the last of two
    assert file.metadata.num_rows == 20 * 34
    assert os.listdir(tmp_path) == ["p.parquet"]


def test_a_run_without_people_or_frames_has_a_table(tmp_path: Path) -> None:
    for name, results in (("none", []), ("nobody", [result()])):
        path = tmp_path / f"{name}.parquet"
        with sink_of(path, Rows2D(SKELETON)) as sink:
            for one in results:
                sink.write(one)
        assert len(read(path)) == 0
        assert [*read(path)][:4] == ["frame", "time", "camera", "person"]


def test_whatever_ends_the_run_the_table_is_whole(tmp_path: Path) -> None:
    """Ctrl-C, or another output that fails; only a run without a frame leaves what was there."""
    for kind in (KeyboardInterrupt, OutputError):
        path = tmp_path / f"{kind.__name__}.parquet"
        path.write_bytes(b"earlier")
        sink = sink_of(path, Rows2D(SKELETON))
        sink.__enter__()
        sink.__exit__(kind, kind(), None)
        assert path.read_bytes() == b"earlier"
        sink = sink_of(path, Rows2D(SKELETON))
        sink.__enter__()
        sink.write(instants()[0])
        sink.__exit__(kind, kind(), None)
        assert len(read(path)) == 34


def fill(sink: TableSink) -> None:
    with sink:
        for n in range(200):
            sink.write(result(tracks(PEOPLE, ids=[1, 2]), index=n, time=n / 25))


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX limits")
def test_a_full_disk_leaves_the_earlier_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 100)
    path = tmp_path / "p.parquet"
    path.write_bytes(b"earlier")
    sink = sink_of(path, Rows2D(SKELETON))
    failed = "file too large; an earlier file of that name stays"
    with files_at_most(6000), pytest.raises(OutputError, match=failed):
        fill(sink)
    assert path.read_bytes() == b"earlier"
    assert os.listdir(tmp_path) == ["p.parquet"]


def test_people_of_a_frame_are_told_apart() -> None:
    """By ids; by places where nobody has one; nobody without an id passes for somebody's."""
    assert tracks(PEOPLE, ids=[1, 5]).numbers.tolist() == [1, 5]
    assert tracks(PEOPLE).numbers.tolist() == [0, 1]
    assert tracks(PEOPLE, ids=[1, -1]).numbers.tolist() == [1, -2]


def test_hands_have_rows(tmp_path: Path) -> None:
    skeleton = with_groups(BODY25, ("left_hand",))
    xyz = np.full((len(skeleton.keypoints), 3), 0.5)
    with sink_of(tmp_path / "p.parquet", Rows3D(skeleton), skeleton) as sink:
        one = instant([xyz], [2], skeleton=skeleton)
        assert one.poses3d is not None
        one.poses3d.detections[:] = -1
        sink.write(one)
    assert [*read(tmp_path / "p.parquet").keypoint] == list(skeleton.keypoints)


def test_what_is_missing_or_wrong_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=r"--parquet p.csv: .* must end in .parquet"):
        FileSettings(parquet=Path("p.csv"))
    rows = Rows2D(SKELETON)
    with pytest.raises(OutputError, match=r"--parquet .* is a folder; name a file"):
        Parquet(tmp_path, [], rows, header())
    monkeypatch.setattr(parquet, "find_spec", lambda _: None)
    with pytest.raises(OutputError, match="--parquet needs the package pyarrow"):
        Parquet(tmp_path / "p.parquet", [], rows, header())
