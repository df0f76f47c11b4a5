"""Takes on disk: what was recorded is what is played and exported, whatever ended the recording."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from engines.types.poses import Poses
from realtime.sources.openpose_json import read_people
from realtime.studio.exports import FORMATS
from realtime.studio.studio import Studio, StudioRun
from realtime.studio.take_floor import floor_of
from realtime.studio.take_folders import NoTakeError
from realtime.studio.take_lines import TakeLines, people_of
from realtime.studio.take_results import take_results
from realtime.types.errors import OutputError
from realtime.types.frames import Frame
from realtime.types.results import Poses3D, Result, Tracks, View
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring
from tests.realtime.results import Origin, files_at_most, grey, header

RIG = ring(3)
NAMES = [camera.name for camera in RIG.cameras]
COUNT, RATE = 30, 25
SIZE = (160, 90)
STEP = 7  # of brightness from frame to frame: more than the codec changes


def walker(n: int) -> np.ndarray:
    """(25, 3) metres of somebody at a frame."""
    return body((0.02 * n, 0.1), phase=0.4 * n)


def instant(n: int, *, out: int | None = None, space: bool = True) -> Result:
    """A frame of the run, whose pictures are as bright as its number says. out: a camera that is
    not there.
    """
    views: list[View | None] = []
    for v, seen in enumerate(sightings(RIG, [walker(n)], n / RATE)):
        assert seen is not None
        frame = Frame(NAMES[v], n, f"{n}", n / RATE, n / RATE, grey(*SIZE, 40 + STEP * n))
        poses = seen.tracks.poses
        shown = Poses(BODY25, poses.xy, poses.score, np.full(1, 0.75, np.float32))
        tracks = Tracks(np.array([7]), shown, np.zeros((1, 25), bool), np.full(1, 12.5, np.float32))
        views.append(None if v == out else View(frame, tracks))
    known = np.ones((1, 25), bool)
    covariance = np.tile(np.diag([1e-4, 2e-4, 3e-4]).astype(np.float32), (1, 25, 1, 1))
    poses3d = Poses3D(
        *(BODY25, np.array([7]), walker(n)[None].astype(np.float32)),
        *(np.full((1, 25), 1.5, np.float32), 3 * known, ~known, np.zeros((1, 3), np.int64)),
        covariance=covariance,
    )
    return Result(n / RATE, (*views,), {}, poses3d=poses3d if space else None)


def number_in(image: np.ndarray) -> int:
    """Of the frame that has this picture."""
    return round((float(image.mean()) - 40) / STEP)


def studio(folder: Path, *, space: bool = True) -> Studio:
    run = header(BODY25, NAMES, RIG if space else None)
    sources = [Origin(name, rate=RATE) for name in NAMES]
    return Studio(folder, StudioRun(run, sources, True))


def recorded(folder: Path, **more: bool) -> tuple[Studio, str]:
    """A studio with a take of COUNT frames, in the middle of which a camera was out."""
    one = studio(folder, space=more.get("space", True))
    began = one.start("walk")
    with one:
        for n in range(COUNT):
            one.write(instant(n, out=1 if 10 <= n < 15 else None, **more))
    return one, str(began["id"])


def test_a_take_is_what_was_recorded(tmp_path: Path) -> None:
    """Its results are the run's: people, times, pictures and who was out."""
    one, identity = recorded(tmp_path)
    card, lines = one.card(identity), one.lines(identity)
    assert (card.frames, card.people, card.space, card.rate) == (COUNT, 1, True, RATE)
    assert card.seconds == pytest.approx((COUNT - 1) / RATE)
    films = [one.folders.place(identity) / "pictures" / f"{name}.mp4" for name in NAMES]
    results = [*take_results(card, lines, films)]
    assert len(results) == COUNT
    for n, (found, wanted) in enumerate(
        zip(
            results,
            (instant(n, out=1 if 10 <= n < 15 else None) for n in range(COUNT)),
            strict=True,
        )
    ):
        assert found.time == pytest.approx(wanted.time)
        assert [view is None for view in found.views] == [view is None for view in wanted.views]
        for view, own in zip(found.views, wanted.views, strict=True):
            if view is None or own is None:
                continue
            assert view.frame.index == n
            assert view.tracks.id.tolist() == [7]
            np.testing.assert_allclose(view.tracks.poses.xy, own.tracks.poses.xy, rtol=1e-5)
            np.testing.assert_allclose(view.tracks.speed, 12.5)
            assert view.frame.size == SIZE
            assert number_in(view.frame.image) == n
        assert found.poses3d is not None
        assert wanted.poses3d is not None
        np.testing.assert_allclose(found.poses3d.xyz, wanted.poses3d.xyz, atol=6e-5)
        np.testing.assert_allclose(found.poses3d.covariance, wanted.poses3d.covariance, rtol=0.01)
        assert found.poses3d.views.tolist() == wanted.poses3d.views.tolist()


@pytest.mark.parametrize(("frames", "seen", "people"), [(100, 4, 0), (100, 5, 1), (10, 3, 1)])
def test_who_is_seen_for_a_moment_is_not_counted(frames: int, seen: int, people: int) -> None:
    """In a short take, or a slow one, a moment is fewer frames."""
    assert people_of([Counter({3: seen}), Counter()], frames) == people


@pytest.mark.parametrize(("raised", "floor"), [(0.0, 0.0), (0.05, 0.0), (0.6, 0.6)])
def test_the_floor_of_a_take_is_where_people_stand(
    raised: float, floor: float, tmp_path: Path
) -> None:
    """The rig's own, unless they stand elsewhere."""
    one = studio(tmp_path)
    identity = str(one.start("stairs", pictures=False)["id"])
    with one:
        for n in range(COUNT):
            seen = instant(n)
            assert seen.poses3d is not None
            up = np.float32([0, 0, raised])
            one.write(replace(seen, poses3d=replace(seen.poses3d, xyz=seen.poses3d.xyz + up)))
    found = floor_of(one.card(identity), one.lines(identity), RIG)
    assert found == pytest.approx(floor, abs=0.05)


def test_any_picture_can_be_seen_in_any_order(tmp_path: Path) -> None:
    """Also where the camera was out before: the picture belongs to the frame."""
    one, identity = recorded(tmp_path)
    for n in (0, 20, 21, 3, 29, 16, 15, 2):
        data = one.jpeg(identity, 1, n)
        assert data is not None
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert image.shape[:2] == SIZE[::-1]
        assert number_in(image) == n
    assert one.jpeg(identity, 1, 12) is None
    assert one.jpeg(identity, 1, COUNT) is None
    assert one.jpeg(identity, 3, 0) is None


@pytest.mark.parametrize("key", FORMATS)
def test_every_format_has_the_frames_that_were_not_cut_off(key: str, tmp_path: Path) -> None:
    if key == "c3d":
        pytest.importorskip("ezc3d")
    if key == "parquet":
        pytest.importorskip("pyarrow")
    one, identity = recorded(tmp_path)
    one.cut(identity, (5, 10), None)
    path = one.export(identity, key)
    assert one.exported(identity, key) == path
    data = path.read_bytes()
    ending = {"json": ".zip", "json3d": ".zip", "csv": ".zip", "parquet": ".zip"}
    assert path.suffix == ending.get(key, f".{key}")
    files: dict[str, bytes] = {}
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            files = {name: bundle.read(name) for name in bundle.namelist()}
    match key:
        case "json":
            assert len(files) == 3 * 5
            name = next(name for name in files if name.endswith("cam2_000000000006_keypoints.json"))
            (tmp_path / "one.json").write_bytes(files[name])
            (person,) = read_people(str(tmp_path / "one.json"))
            view = instant(6).views[2]
            assert view is not None
            np.testing.assert_allclose(person.body[:, :2], view.tracks.poses.xy[0], atol=2e-3)
        case "json3d":
            assert len(files) == 5
        case "csv":
            flat = next(text for name, text in files.items() if not name.endswith("_3d.csv"))
            rows = [*csv.DictReader(io.StringIO(flat.decode()))]
            assert [row["index"] for row in rows if row["source"] == "cam0"] == [*"56789"]
            assert {row["speed"] for row in rows} == {"12.5"}
        case "jsonl":
            said = [json.loads(line) for line in data.splitlines()[1:]]
            assert len(said) == 15
            assert [line["time"] for line in said if "space" in line] == [
                n / RATE for n in range(5, 10)
            ]
        case "parquet":
            assert len(files) == 2
        case "trc":
            assert f"{RATE}\t{RATE}\t5\t25\tm" in data.decode()
        case "c3d":
            import ezc3d

            points = ezc3d.c3d(str(path))["data"]["points"][:3, :, 0] / 1000
            np.testing.assert_allclose(points.T, walker(5), atol=1e-4)
        case "bvh":
            assert b"Frames: 5\n" in data
        case "glb":
            assert data[:4] == b"glTF"
        case "mp4":
            with av.open(str(path)) as video:
                assert sum(1 for _ in video.decode(video=0)) == 5
    assert [*path.parent.iterdir()] == [path]  # nothing else is left


def test_a_cut_can_be_undone_or_become_a_take_of_its_own(tmp_path: Path) -> None:
    one, identity = recorded(tmp_path)
    other = one.cut(identity, (20, 30), "the end")
    assert one.card(identity).span == (0, COUNT)
    assert (other.name, other.span) == ("the end", (20, 30))
    assert one.cut(identity, (0, 20), None).span == (0, 20)
    one.delete(identity)
    assert [card.id for card in one.takes()] == [other.id]
    assert len([*take_results(other, one.lines(other.id))]) == 10
    assert one.jpeg(other.id, 0, 25) is not None
    assert one.cut(other.id, None, None).span == (0, COUNT)
    with pytest.raises(OutputError, match="within the take's 30 frames"):
        one.cut(other.id, (5, 31), None)
    with pytest.raises(NoTakeError):
        one.card(identity)


def test_a_recording_that_was_killed_is_mended(tmp_path: Path) -> None:
    """Up to its last whole line."""
    one, identity = recorded(tmp_path)
    place = one.folders.place(identity)
    replace(one.card(identity), finished=False, frames=0, seconds=0.0, people=0).write(place)
    lines = (place / "frames.jsonl").read_bytes()
    (place / "frames.jsonl").write_bytes(lines[:-700])
    assert Studio(tmp_path).takes() == []  # another program may be recording it
    os.utime(place / "frames.jsonl", (0, 0))
    (card,) = Studio(tmp_path).takes()
    assert card.finished
    assert (card.frames, card.people) == (COUNT, 1)
    assert len(TakeLines.read(place / "frames.jsonl").instants(COUNT - 1, COUNT)[0]) < 3
    (tmp_path / "20260101-000000-abcdef").mkdir()
    (tmp_path / "20260101-000000-abcdef" / "take.json").write_text("{")
    assert [card.id for card in Studio(tmp_path).takes()] == [identity]


def test_without_a_rig_frames_are_told_apart_by_their_cameras(tmp_path: Path) -> None:
    one, identity = recorded(tmp_path, space=False)
    lines = one.lines(identity)
    assert len(lines) == COUNT
    assert (lines.pictures[10:15, 1] == -1).all()
    assert lines.pictures[15].tolist() == [15, 10, 15]
    assert one.card(identity).people == 1


def test_one_take_at_a_time_and_none_after_the_run(tmp_path: Path) -> None:
    one = studio(tmp_path)
    with one:
        one.start("walk")
        with pytest.raises(OutputError, match="stop that one first"):
            one.start("another")
        assert one.takes() == []
        one.write(instant(0))
    (card,) = one.takes()  # ended with the run
    assert card.frames == 1
    with pytest.raises(OutputError, match="nothing to record"):
        one.start("late")
    with pytest.raises(OutputError, match="No take is being recorded"):
        one.stop()


def test_a_full_disk_is_told_and_keeps_what_fits(tmp_path: Path) -> None:
    one = studio(tmp_path)
    with one:
        began = one.start("walk", pictures=False)
        with files_at_most(60_000):
            for n in range(COUNT):
                one.write(instant(n))
            while not (one.recording or {})["error"]:
                pass
        card = one.stop()
    assert 0 < card.frames < COUNT
    assert len(one.lines(str(began["id"]))) in (card.frames, card.frames + 1)
