"""OpenPose JSON with hands, faces and feet: read, kept, tracked, written as it came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.types.skeleton import named_skeleton
from realtime.assembly import stream
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source
from realtime.types.errors import SettingsError, SourceError
from realtime.types.frames import Frame
from realtime.types.results import Tracks
from tests.realtime.wanted import settings
from tests.synth import person as standing

NAMES = ("face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d")
COUNTS = (70, 21, 21)


def somebody(rng: np.random.Generator, keypoints: int = 25, *, parts: bool = True) -> Any:
    """As OpenPose writes people: six digits, confidences too, and what was not found is 0."""

    def listed(count: int) -> list[float]:
        points = np.column_stack([rng.uniform(20, 620, (count, 2)), rng.uniform(0.1, 1, count)])
        points[rng.random(count) < 0.1] = 0
        return [float(f"{value:.6g}") for value in points.ravel()]

    entry: dict[str, Any] = {"person_id": [-1], "pose_keypoints_2d": listed(keypoints)}
    for name, count in zip(NAMES, COUNTS, strict=True):
        entry[name] = listed(count) if parts else []
    return entry


def write(folder: Path, *frames: list[Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for n, people in enumerate(frames):
        text = json.dumps({"version": 1.3, "people": people})
        (folder / f"c_{n:012d}_keypoints.json").write_text(text)
    return folder


def frames(source: Path) -> list[Frame]:
    with open_source(SourceSettings(str(source), camera_size="640x640")) as opened:
        return list(opened)


def rewritten(source: Path, to: Path, *, track: bool, skeleton: Any = None) -> list[Any]:
    options = {"json": to, "json_skeleton": skeleton, "track": track}
    wanted = settings(str(source), camera_size="640x640", camera_fps=30.0, **options)
    assert list(stream(wanted))
    return [json.loads(path.read_text())["people"] for path in sorted(to.glob("*.json"))]


def test_what_comes_in_goes_out_to_the_digit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    people = [[somebody(rng), somebody(rng)], [somebody(rng)]]
    written = rewritten(write(tmp_path / "in", *people), tmp_path / "out", track=False)
    for before, after in zip(people, written, strict=True):
        for one, other in zip(before, after, strict=True):
            assert {name: other[name] for name in one} == one


def test_parts_go_along_with_tracked_people(tmp_path: Path) -> None:
    """Two people stand side by side and swap places in the files; each keeps hands and face."""
    rng = np.random.default_rng(1)
    base = {"a": somebody(rng), "b": somebody(rng)}
    bodies = []
    for n, key in enumerate("ab"):
        triples = np.column_stack([standing((150 + 300 * n, 250), 200), np.full(18, 0.9)])
        bodies.append([float(f"{value:.6g}") for value in triples.ravel()])
        base[key]["pose_keypoints_2d"] = bodies[-1]
    order = [["a", "b"], ["b", "a"], ["a", "b"], ["b", "a"]]
    files = write(tmp_path / "in", *[[base[key] for key in keys] for keys in order])
    written = rewritten(files, tmp_path / "out", track=True)
    ids: dict[str, set[int]] = {"a": set(), "b": set()}
    for people in written:
        for one in people:
            [key] = [k for k in base if base[k]["pose_keypoints_2d"] == one["pose_keypoints_2d"]]
            ids[key].add(one["person_id"][0])
            for name in NAMES:
                assert one[name] == base[key][name]
    assert all(len(found) == 1 for found in ids.values())
    assert ids["a"] != ids["b"]


@pytest.mark.parametrize(
    ("count", "name"), [(19, "body19"), (26, "halpe26"), (133, "coco133"), (135, "body135")]
)
def test_layouts_of_others_are_read_and_written(tmp_path: Path, count: int, name: str) -> None:
    rng = np.random.default_rng(count)
    people = [[somebody(rng, count, parts=False)]]
    source = write(tmp_path / "in", *people)
    [frame] = frames(source)
    assert frame.poses is not None
    assert frame.poses.skeleton is named_skeleton(name)
    [[after]] = rewritten(source, tmp_path / "out", track=False)
    assert after["pose_keypoints_2d"] == people[0][0]["pose_keypoints_2d"]
    assert all(after[field] == [] for field in NAMES)


def test_whole_bodies_come_apart_into_openposes_arrays(tmp_path: Path) -> None:
    """COCO-WholeBody's 133 as BODY_25 with hands and a face, and together again."""
    rng = np.random.default_rng(3)
    person = somebody(rng, 133, parts=False)
    points = np.array(person["pose_keypoints_2d"]).reshape(-1, 3)
    source = write(tmp_path / "in", [person])
    [[apart]] = rewritten(source, tmp_path / "out", track=False, skeleton="body25")
    hand = np.array(apart["hand_left_keypoints_2d"]).reshape(-1, 3)
    np.testing.assert_array_equal(hand, points[91:112])
    face = np.array(apart["face_keypoints_2d"]).reshape(-1, 3)
    np.testing.assert_array_equal(face[:68], points[23:91])
    back = write(tmp_path / "apart", [apart])
    [[again]] = rewritten(back, tmp_path / "again", track=False, skeleton="coco133")
    np.testing.assert_array_equal(np.array(again["pose_keypoints_2d"]).reshape(-1, 3), points)
    assert again["hand_left_keypoints_2d"] == []


def test_groups_are_no_bodies(tmp_path: Path) -> None:
    """What identities and person scores go by stays the body, with the feet of BODY_25."""
    person = somebody(np.random.default_rng(4))
    [frame] = frames(write(tmp_path / "in", [person]))
    poses = frame.poses
    assert poses is not None
    assert poses.skeleton.body == named_skeleton("body25").body
    score = np.array(person["pose_keypoints_2d"]).reshape(-1, 3)[:, 2]
    assert poses.person_score[0] == pytest.approx(score.mean())
    assert Tracks.untracked(poses).poses.found.sum() > 100


def test_hands_without_bodies_are_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    lone = {**somebody(rng), "pose_keypoints_2d": []}
    with pytest.raises(SourceError, match="hands or faces without bodies"):
        frames(write(tmp_path / "alone", [lone]))
    mixed = SourceSettings(str(write(tmp_path / "mixed", [somebody(rng), lone], [lone])))
    with open_source(mixed) as opened:
        assert [len(frame.poses or ()) for frame in opened] == [1, 0]
    assert "2 hands or faces without a body were left out" in " ".join(opened.notes)


def test_a_hand_of_other_keypoints_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    odd = {**somebody(rng), "hand_left_keypoints_2d": [1.0, 2.0, 0.5] * 20}
    fine = [[somebody(rng)] for _ in range(9)]
    with open_source(SourceSettings(str(write(tmp_path / "in", *fine, [odd])))) as opened:
        assert len(list(opened)) == 9
    assert "hand_left_keypoints_2d has 20 keypoints; OpenPose's has 21" in " ".join(opened.notes)


def test_parts_cannot_be_looked_for_without_pictures(tmp_path: Path) -> None:
    source = write(tmp_path / "in", [somebody(np.random.default_rng(7))])
    wanted = settings(str(source), hands=True)
    with pytest.raises(SettingsError, match="--hands needs pictures"):
        list(stream(wanted))
