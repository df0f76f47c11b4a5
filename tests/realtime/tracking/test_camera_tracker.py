"""Identities through the whole program: options, every output, frames without the network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime import stream
from realtime.drawing.numbers import Numbers, write_angles
from realtime.settings.tracking import TrackSettings
from realtime.sinks.files.mot_challenge import MotSink, person_boxes
from realtime.tracking.camera_tracker import CameraTracker
from realtime.types.errors import SettingsError
from realtime.types.joint_angles import joint_angles, joints
from realtime.types.results import Tracks
from tests.realtime.results import grey, result, tracks
from tests.realtime.tracked import found, frame, walk
from tests.realtime.wanted import settings
from tests.synth import SKELETON, hide, person, scene, write_tiny_network, write_video

SIZE = 320, 256
FRAMES = 24


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A video of two people who walk, and the card of a network that sees them."""
    folder = tmp_path_factory.mktemp("clip")
    pictures = [
        scene([person((70 + 2 * n, 128), 150), person((250 - n, 128), 130)], SIZE)
        for n in range(FRAMES)
    ]
    path = write_video(folder / "walk.mkv", pictures, np.arange(FRAMES) / 25)
    return path, write_tiny_network(folder)


def run(clip: tuple[Path, Path], **options: Any) -> list[Tracks]:
    path, card = clip
    wanted = settings(str(path), model=str(card), **options)
    return [view.tracks for one in stream(wanted) for view in one.views if view]


def test_ids_reach_every_file(clip: tuple[Path, Path], tmp_path: Path) -> None:
    seen = run(
        clip,
        json=tmp_path / "json",
        jsonl=tmp_path / "poses.jsonl",
        csv=tmp_path / "poses.csv",
        mot=tmp_path / "mot.txt",
        angles=True,
    )
    assert [sorted(one.id.tolist()) for one in seen] == [[1, 2]] * FRAMES
    files = sorted((tmp_path / "json").iterdir())
    people = [json.loads(file.read_text())["people"] for file in files]
    assert [sorted(one["person_id"][0] for one in each) for each in people] == [[1, 2]] * FRAMES
    lines = [json.loads(line) for line in (tmp_path / "poses.jsonl").read_text().splitlines()[1:]]
    assert [sorted(one["id"] for one in line["people"]) for line in lines] == [[1, 2]] * FRAMES
    # One walks 50 pixels a second, the other 25.
    speeds = sorted(one["speed"] for one in lines[-1]["people"])
    np.testing.assert_allclose(speeds, [25, 50], rtol=0.2)
    assert set(lines[-1]["people"][0]["angles"]) == set(joints(SKELETON))
    rows = (tmp_path / "poses.csv").read_text().splitlines()[1:]
    assert {row.split(",")[3] for row in rows} == {"1", "2"}
    mot = np.loadtxt(tmp_path / "mot.txt", delimiter=",")
    assert mot.shape == (2 * FRAMES, 10)
    assert set(mot[:, 0]) == set(range(1, FRAMES + 1))
    assert set(mot[:, 1]) == {1, 2}


def test_without_track_nobody_has_an_id(clip: tuple[Path, Path]) -> None:
    seen = run(clip, track=False)
    assert all(one.id.tolist() == [-1, -1] and not one.filled.any() for one in seen)


def test_the_network_looks_at_every_third_frame_only(clip: tuple[Path, Path]) -> None:
    seen = run(clip, detect_every=3)
    assert len(seen) == FRAMES
    looked = [not one.filled.all() for one in seen]
    assert looked == [n % 3 == 0 for n in range(FRAMES)]
    assert [sorted(one.id.tolist()) for one in seen] == [[1, 2]] * FRAMES


def test_at_most_so_many_people_and_the_oldest_ids() -> None:
    people = CameraTracker(SKELETON, TrackSettings(), max_people=1)
    for n in range(20):
        here = [walk(450, 0, 0)] if n < 5 else [walk(150, 0, 0), walk(450, 0, 0)]
        tracks = people.update(frame(n / 25), found(here))
        assert tracks.id.tolist() == [1]
        np.testing.assert_allclose(tracks.poses.xy[0], walk(450, 0, 0), atol=1e-3)


def test_max_people_of_a_run(clip: tuple[Path, Path]) -> None:
    assert all(one.id.tolist() == [1] for one in run(clip, max_people=1))
    assert all(one.id.tolist() == [-1] for one in run(clip, max_people=1, track=False))


def test_smoothing_is_an_option() -> None:
    rng = np.random.default_rng(0)
    spread = {}
    for smooth in ("off", "one-euro"):
        people = CameraTracker(SKELETON, TrackSettings(smooth=smooth))  # type: ignore[arg-type]
        xs = [
            people.update(
                frame(n / 25), found([walk(300, 0, 0) + rng.normal(0, 2, (18, 2))])
            ).poses.xy[0, 1, 0]
            for n in range(40)
        ]
        spread[smooth] = np.std(xs[10:])
    assert spread["one-euro"] < 0.7 * spread["off"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"detect_every": 0}, "--detect-every must be 1 or more, not 0"),
        ({"track": False, "detect_every": 2}, "leave out --no-track"),
        ({"track": False, "smooth": "one-euro"}, "leave out --no-track"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        TrackSettings(**options)  # type: ignore[arg-type]


def test_outputs_that_need_more() -> None:
    with pytest.raises(SettingsError, match="--mot needs ids"):
        settings("clip.mp4", mot=Path("a.txt"), track=False)
    with pytest.raises(SettingsError, match="leave out --detect-every"):
        settings("clip.mp4", heatmaps=Path("maps"), detect_every=2)


def test_angles_are_those_of_the_joints() -> None:
    body = np.full((18, 2), np.nan)
    at = {name: n for n, name in enumerate(SKELETON.keypoints)}
    body[at["left_hip"]], body[at["left_knee"]] = (100, 100), (100, 200)
    body[at["left_ankle"]] = 200, 200  # a right angle
    body[at["right_hip"]], body[at["right_knee"]] = (50, 100), (50, 200)
    body[at["right_ankle"]] = 50, 310  # straight
    angles = joint_angles(found([body]))[0]
    names = list(joints(SKELETON))
    assert angles[names.index("left_knee")] == pytest.approx(90)
    assert angles[names.index("right_knee")] == pytest.approx(180)
    assert np.isnan(angles[names.index("left_elbow")])
    turned = body @ np.array([[0.6, 0.8], [-0.8, 0.6]]) * 3
    np.testing.assert_allclose(joint_angles(found([turned]))[0], angles, atol=0.01)
    picture = grey()
    write_angles(Numbers(picture), tracks([body / 2], ids=[1]))
    assert (picture != grey()).any()


def test_speeds_are_written_under_the_feet_and_unknown_ones_are_not() -> None:
    body = person((150, 100), 120)
    low = int(np.nanmax(body[:, 1])) + 3
    one = tracks([body], ids=[1])
    drawn = {}
    for speed in (None, np.nan, 80.0):
        value = None if speed is None else np.array([speed], np.float32)
        drawn[speed] = grey()
        write_angles(Numbers(drawn[speed]), replace(one, speed=value))
    assert (drawn[80.0][low:] != grey()[low:]).any()
    np.testing.assert_array_equal(drawn[None][low:], grey()[low:])
    np.testing.assert_array_equal(drawn[np.nan][low:], grey()[low:])


def test_mot_boxes_hold_the_whole_person_and_strangers_have_none(tmp_path: Path) -> None:
    body = person((150, 120), 150)
    low, high = np.nanmin(body, axis=0), np.nanmax(body, axis=0)
    left, top, right, bottom = person_boxes(found([body]).xy)[0]
    assert left < low[0] < high[0] < right
    assert top < low[1] < high[1] < bottom
    line = hide(body, *[name for name in SKELETON.keypoints if "left" in name])
    left, top, right, bottom = person_boxes(found([line]).xy)[0]
    assert right - left >= 0.2 * (bottom - top)
    path = tmp_path / "mot.txt"
    with MotSink(path, []) as sink:
        sink.write(result(tracks([body, body + np.array([40, 0])], ids=[5, -1])))
        sink.write(result())
    fields = path.read_text().split(",")
    assert fields[1] == "5"
    assert len(path.read_text().splitlines()) == 1
