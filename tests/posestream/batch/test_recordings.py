"""Which files are one recording, and where its results go."""

from __future__ import annotations

from pathlib import Path

import pytest

from posestream.batch.recordings import recordings
from realtime.types.errors import SettingsError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_names_are_relative_to_where_a_pattern_begins(tmp_path: Path) -> None:
    touch(*(tmp_path / one for one in ("day 1/b.mp4", "a.MP4", "notes.txt", "day 2/deep/c.mkv")))
    found = recordings([f"{tmp_path}/**/*"])
    assert [one.name for one in found] == ["a", "day 1/b", "day 2/deep/c"]
    assert found[0].sources == (str(tmp_path / "a.MP4"),)
    assert found[0].files == [tmp_path / "a.MP4"]


def test_a_path_is_taken_as_it_is_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "take [1].mp4")
    monkeypatch.chdir(tmp_path)
    found = recordings(["take [1].mp4", "*.mp4"])
    assert [(one.name, one.sources) for one in found] == [
        ("take [1]", (str(tmp_path / "take [1].mp4"),))
    ]


def test_a_folder_with_a_calibration_is_one_recording(tmp_path: Path) -> None:
    names = ("rig.toml", "cam1.mp4", "cam2.mp4", "notes.txt")
    touch(*(tmp_path / "take" / one for one in names))
    (one,) = recordings([f"{tmp_path}/**/*"])
    assert one.name == "take"
    assert [Path(source).name for source in one.sources] == ["cam1.mp4", "cam2.mp4"]
    assert one.rig == tmp_path / "take" / "rig.toml"
    assert one.rig in one.files


def test_one_calibration_serves_all_folders(tmp_path: Path) -> None:
    touch(*(tmp_path / take / cam for take in ("t1", "t2") for cam in ("cam1.mp4", "cam2.mp4")))
    rig = tmp_path / "rig.toml"
    rig.touch()
    found = recordings([f"{tmp_path}/*"], rig)
    assert [(one.name, one.rig, len(one.sources)) for one in found] == [
        ("t1", rig, 2),
        ("t2", rig, 2),
    ]


def test_a_folder_of_pictures_is_a_recording(tmp_path: Path) -> None:
    touch(tmp_path / "photos" / "1.jpg", tmp_path / "json" / "0_keypoints.json")
    (tmp_path / "empty").mkdir()
    assert [one.name for one in recordings([f"{tmp_path}/*"])] == ["json", "photos"]


@pytest.mark.parametrize(
    ("files", "patterns", "sentence"),
    [
        (["a.mp4"], ["*.avi"], "No recording matches"),
        (["a.mp4", "a.mov"], ["*"], "would both have the results a"),
        (["x/1.jpg", "x/a.mp4"], ["x", "**/*.mp4"], "would lie within those of"),
    ],
)
def test_what_cannot_be_told_apart_is_said(
    tmp_path: Path, files: list[str], patterns: list[str], sentence: str
) -> None:
    touch(*(tmp_path / one for one in files))
    with pytest.raises(SettingsError, match=sentence):
        recordings([f"{tmp_path}/{one}" for one in patterns])


def test_a_single_file_is_no_recording_of_a_rig(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4", tmp_path / "rig.toml")
    with pytest.raises(SettingsError, match="needs the videos of several cameras"):
        recordings([f"{tmp_path}/a.mp4"], tmp_path / "rig.toml")
