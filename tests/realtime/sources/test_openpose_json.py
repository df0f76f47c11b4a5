"""Folders of OpenPose JSON as sources: keypoints in, no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.types.skeleton import named_skeleton
from realtime.assembly import stream
from realtime.settings.sources import SourceSettings
from realtime.sources import open_source, open_sources
from realtime.types.errors import OutputError, SourceError
from realtime.types.frames import Frame
from tests.realtime.wanted import settings


def person(keypoints: int = 25, at: float = 100.0) -> list[list[float]]:
    """Keypoints in a row; the second one was not found."""
    found = [[at + 10 * n, at + n, 0.5] for n in range(keypoints)]
    found[1] = [0, 0, 0]
    return found


def write(path: Path, *people: list[list[float]], key: str = "pose_keypoints_2d") -> Path:
    path.parent.mkdir(exist_ok=True)
    listed = [{"person_id": [-1], key: [v for point in one for v in point]} for one in people]
    path.write_text(json.dumps({"version": 1.3, "people": listed}))
    return path


def frames(source: Path | str, **settings: Any) -> list[Frame]:
    with open_source(SourceSettings(str(source), **settings)) as opened:
        return list(opened)


def error(source: Path | str, **settings: Any) -> str:
    with pytest.raises(SourceError) as caught:
        frames(source, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_come_as_poses_with_the_index_in_their_names(tmp_path: Path) -> None:
    for index in (12, 9, 10):
        write(tmp_path / f"cam_{index:012d}_keypoints.json", person(at=float(index)))
    got = frames(tmp_path, camera_fps=10)
    assert [frame.index for frame in got] == [9, 10, 12]
    assert [frame.time for frame in got] == pytest.approx([0.9, 1.0, 1.2])
    assert got[0].name == "cam_000000000009"
    poses = got[0].poses
    assert poses is not None
    assert poses.skeleton is named_skeleton("body25")
    assert poses.found[0].tolist() == [True, False, *[True] * 23]
    np.testing.assert_allclose(poses.xy[0, 2], (29, 11))
    assert poses.person_score.tolist() == pytest.approx([0.5 * 24 / 25])


def test_names_without_numbers_count_by_place(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write(tmp_path / f"{name}.json", person())
    assert [(one.index, one.name) for one in frames(tmp_path)] == [(0, "a"), (1, "b"), (2, "c")]
    for name in ("x1_keypoints", "y1_keypoints"):  # the same number twice is no number
        write(tmp_path / "twice" / f"{name}.json", person())
    assert [one.index for one in frames(tmp_path / "twice")] == [0, 1]


def test_start_end_and_step_choose_by_index(tmp_path: Path) -> None:
    for index in range(20, 30):
        write(tmp_path / f"{index}.json", person())
    assert [one.index for one in frames(tmp_path, start=22, end=28, step=2)] == [22, 24, 26]
    assert "--start 40 leaves nothing" in error(tmp_path, start=40)


@pytest.mark.parametrize(("count", "name"), [(17, "coco17"), (18, "coco18"), (25, "body25")])
def test_the_number_of_keypoints_tells_the_skeleton(tmp_path: Path, count: int, name: str) -> None:
    write(tmp_path / "0.json")  # nobody to tell by
    write(tmp_path / "1.json", person(count))
    with open_source(SourceSettings(str(tmp_path))) as source:
        assert source.skeleton is named_skeleton(name)
        counts = [len(frame.poses) for frame in source if frame.poses is not None]
    assert counts == [0, 1]


def test_the_picture_is_black_and_as_large_as_wanted_or_needed(tmp_path: Path) -> None:
    write(tmp_path / "0.json", person(at=500))
    with open_source(SourceSettings(str(tmp_path))) as source:
        (frame,) = source
        assert any("assuming 1280x720" in note for note in source.notes)
    assert frame.size == (1280, 720)
    assert not frame.image.any()
    assert frames(tmp_path, camera_size="1032x776")[0].size == (1032, 776)
    assert frames(write(tmp_path / "up" / "0.json", person(17, at=600)))[0].size == (1280, 720)
    high = write(tmp_path / "high.json", [[100, 1000, 0.5]] * 17)
    assert frames(high)[0].size == (720, 1280)


def test_one_file_a_pattern_and_the_old_format(tmp_path: Path) -> None:
    path = write(tmp_path / "cam_000000000003_keypoints.json", person(), key="pose_keypoints")
    (frame,) = frames(path)
    assert (frame.camera, frame.index) == ("cam_000000000003", 3)
    write(tmp_path / "cam_000000000004_keypoints.json", person())
    (tmp_path / "photo.jpg").write_bytes(b"")
    assert [one.index for one in frames(f"{tmp_path}/cam_*.json")] == [3, 4]


def test_people_without_a_body_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "0.json", [], person())
    (frame,) = frames(tmp_path)
    assert frame.poses is not None
    assert len(frame.poses) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "7", "null", '{"people":7}', '{"people":[7]}', '{"people":{"a":1}}'),
        *('{"people":[{"pose_keypoints_2d":[1,2]}]}', '{"people":[{"pose_keypoints_2d":"abc"}]}'),
        *('{"people":[{"pose_keypoints_2d":[1,2,Infinity]}]}', "[" * 100_000),
        *(
            '{"people":[{"pose_keypoints_2d":[1,2,1e99]}]}',
            '{"people":[{"pose_keypoints_2d":[[]]}]}',
        ),
        f'{{"people":[{{"pose_keypoints_2d":[1,2,1{"0" * 400}]}}]}}',
    ],
)
def test_damaged_files_are_one_sentence_and_good_ones_go_on(tmp_path: Path, text: str) -> None:
    (tmp_path / "1.json").write_text(text)
    assert error(tmp_path) == "1.json is damaged or not OpenPose JSON."
    write(tmp_path / "2.json", person())
    wanted = SourceSettings(str(tmp_path), camera_size="640x480", camera_fps=30)
    with open_source(wanted) as source:
        assert [frame.index for frame in source] == [2]
        (note,) = source.notes
    assert note.startswith("Skipped 1 of 2 files: 1.json is damaged or not")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_keypoint_of_nan_was_not_found(tmp_path: Path, place: int) -> None:
    numbers = person()
    numbers[3][place] = float("nan")
    write(tmp_path / "0.json", numbers)
    (frame,) = frames(tmp_path)
    assert frame.poses is not None
    assert (~frame.poses.found[0]).nonzero()[0].tolist() == [1, 3]
    assert np.isfinite(frame.poses.xy[0, [0, 2, 4]]).all()


def test_other_numbers_of_keypoints_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "0.json", person(15))
    assert "has people with 15 keypoints" in error(tmp_path)
    write(tmp_path / "0.json", person(17))
    write(tmp_path / "1.json", person(18))
    assert "has people with 17 and 18 keypoints" in error(tmp_path)


def test_mirrored_poses_swap_their_sides(tmp_path: Path) -> None:
    write(tmp_path / "0.json", person(17))
    (plain,) = frames(tmp_path, camera_size="640x480")
    (flipped,) = frames(tmp_path, camera_size="640x480", flip=True)
    (turned,) = frames(tmp_path, camera_size="640x480", rotate=90)
    assert plain.poses is not None
    assert flipped.poses is not None
    assert turned.poses is not None
    mirror = list(plain.poses.skeleton.mirror)
    np.testing.assert_allclose(flipped.poses.xy[0, mirror, 0], 639 - plain.poses.xy[0, :, 0])
    np.testing.assert_allclose(flipped.poses.xy[0, mirror, 1], plain.poses.xy[0, :, 1])
    assert turned.size == (480, 640)
    np.testing.assert_allclose(turned.poses.xy[0, :, 0], 479 - plain.poses.xy[0, :, 1])
    np.testing.assert_allclose(turned.poses.xy[0, :, 1], plain.poses.xy[0, :, 0])


def test_keypoints_and_pictures_do_not_mix(tmp_path: Path) -> None:
    write(tmp_path / "a" / "0.json", person(17))
    write(tmp_path / "b" / "0.json", person(25))
    with pytest.raises(SourceError, match=r"Sources with body25 and coco17 cannot be mixed"):
        open_sources(SourceSettings((str(tmp_path / "a"), str(tmp_path / "b"))))


def test_a_run_over_several_folders_needs_no_network(tmp_path: Path) -> None:
    for camera in ("a", "b"):
        for index in range(3):
            write(tmp_path / camera / f"{index:012d}_keypoints.json", person(), person(at=300))
    sources = str(tmp_path / "a"), str(tmp_path / "b")
    # A card without any weights: nobody may ask for them.
    results = list(stream(settings(*sources, json=tmp_path / "json", json_skeleton="coco17")))
    assert [[len(view.tracks) if view else 0 for view in one.views] for one in results] == [
        [2, 2]
    ] * 3
    written = json.loads((tmp_path / "json/b/000000000002_keypoints.json").read_text())
    assert [len(one["pose_keypoints_2d"]) for one in written["people"]] == [51, 51]


def test_the_source_is_not_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path / "in" / "0_keypoints.json", person())
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"would overwrite 0_keypoints.json of the source"):
        list(stream(settings(str(path.parent), json=path.parent)))
    assert path.read_bytes() == before


def test_shelf_comes_back_as_it_went_in(data: Path, tmp_path: Path) -> None:
    folder = data / "shelf-dev" / "cam0"
    for _ in stream(settings(str(folder), json=tmp_path, track=False)):
        pass
    for path in folder.glob("*.json"):
        before, after = (json.loads((one / path.name).read_text()) for one in (folder, tmp_path))
        assert len(before["people"]) == len(after["people"])
        for one, other in zip(before["people"], after["people"], strict=True):
            was = np.reshape(one["pose_keypoints_2d"], (-1, 3))
            now = np.reshape(other["pose_keypoints_2d"], (-1, 3))
            np.testing.assert_allclose(now, np.where(was[:, 2:] > 0, was, 0), atol=2e-3)


@pytest.mark.parametrize(("least", "options"), [(0, "3"), (-1, "4")])
def test_normalised_keypoints_become_pixels(tmp_path: Path, least: int, options: str) -> None:
    """OpenPose's --keypoint_scale 3 (0 to 1) and 4 (-1 to 1): 1 is the last pixel's centre."""
    there = [[0.25, 0.5, 0.9], [1, 1, 0.8], [0, 0, 0.7], *[[0.1, 0.2, 0.5]] * 14]
    scaled = [[least + (1 - least) * x, least + (1 - least) * y, s] for x, y, s in there]
    write(tmp_path / "1.json", scaled)
    assert "--camera-size" in error(tmp_path)
    assert "normalised" in error(tmp_path)
    (frame,) = frames(tmp_path, camera_size="641x481")
    assert frame.poses is not None
    np.testing.assert_allclose(frame.poses.xy[0, :3], [(160, 240), (640, 480), (0, 0)], atol=1e-3)
    np.testing.assert_allclose(frame.poses.score[0, :3], [0.9, 0.8, 0.7])


def test_scores_per_cent_are_told_and_taken_as_0_to_1(tmp_path: Path) -> None:
    write(tmp_path / "1.json", [[x, y, 87.5] for x, y, _ in person()])
    with open_source(SourceSettings(str(tmp_path))) as source:
        (frame,) = source
        assert any("scores up to 100" in note for note in source.notes)
    assert frame.poses is not None
    assert frame.poses.score.max() == pytest.approx(0.875)
    write(tmp_path / "1.json", [[x, y, 3000.0] for x, y, _ in person()])
    assert "scores of 3000" in error(tmp_path)


def test_two_cameras_in_one_folder_are_told(tmp_path: Path) -> None:
    for camera in ("cam0", "cam1"):
        for index in range(5):
            write(tmp_path / "mixed" / f"{camera}_{index:012d}_keypoints.json", person())
    assert "several cameras (cam0_..., cam1_...)" in error(tmp_path / "mixed")
    assert len(frames(tmp_path / "mixed" / "cam1_*.json")) == 5


def test_what_no_frame_holds_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "1.json", *[person()] * 301)
    assert error(tmp_path) == "1.json has 301 people; the limit is 300."
    write(tmp_path / "1.json", [[3e38, 1, 0.5], *person()[1:]])
    assert "not OpenPose JSON" in error(tmp_path)
    (tmp_path / "1.json").write_text("[" * 200_000)
    assert "not OpenPose JSON" in error(tmp_path)
    (tmp_path / "1.json").write_bytes(b" " * (17 * 2**20))
    assert "larger than 16 MB" in error(tmp_path)


def test_the_rate_that_nobody_says_is_told(tmp_path: Path) -> None:
    write(tmp_path / "1.json", person())
    with open_source(SourceSettings(str(tmp_path), camera_size="640x480")) as source:
        assert "assuming 30 fps (set it with --camera-fps)" in source.notes[0]
