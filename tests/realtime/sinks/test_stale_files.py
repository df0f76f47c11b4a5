"""What earlier runs left in a folder: said, and cleared where that is asked."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from realtime.assembly import run
from realtime.sinks.paths import written_by
from realtime.sinks.stale_files import clear, tell
from tests.realtime.results import Origin
from tests.realtime.wanted import settings
from tests.synth import scene, write_tiny_network, write_video

FOREIGN = ("notes.txt", "other.json", "photo.jpg", ".hidden")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    write_tiny_network(tmp_path / "net", height=64)
    return write_video(tmp_path / "clip.mkv", [scene([], (96, 64))] * 5, [n / 10 for n in range(5)])


def fill(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for name in (*names, *FOREIGN):
        (folder / name).write_text("old")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_holds_frames_is_told_of_and_cleared_where_asked(
    overwrite: bool, film: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    fill(out, [f"clip_{n:012d}_keypoints.json" for n in range(30)])
    model = str(tmp_path / "net" / "tiny.toml")
    with caplog.at_level(logging.WARNING):
        run(settings(str(film), model=model, json=out, overwrite=overwrite))
    frames = sorted(path.name for path in out.glob("*_keypoints.json"))
    assert frames == [f"clip_{n:012d}_keypoints.json" for n in range(5 if overwrite else 30)]
    assert all((out / name).read_text() == "old" for name in FOREIGN)
    fresh = [path for path in out.glob("*_keypoints.json") if path.read_text() != "old"]
    assert len(fresh) == 5
    said = [one.getMessage() for one in caplog.records if str(out) in one.getMessage()]
    assert said == [
        f"--json {out}: 30 files of an earlier run were removed."
        if overwrite
        else f"--json {out}: 30 files of an earlier run will stay unless written over; add "
        "--overwrite to clear such files."
    ]


def test_each_kind_of_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = {
        "json/a": "x_000000000001_keypoints.json",
        "json3d": "rig_000000000001_keypoints.json",
        "heatmaps/a": "x_000000000001_pose_heatmaps.png",
        "output/a": "x_000000000001.jpg",
    }
    for folder, name in names.items():
        fill(tmp_path / folder, [name])
    folders = {folder.partition("/")[0] for folder in names}
    paths = {folder: tmp_path / folder for folder in folders}
    trc = tmp_path / "walk_person7.trc"
    trc.write_text("old")
    wanted = settings("a", "b", rig=Path("rig.toml"), trc=tmp_path / "walk.trc", **paths)
    written = [*written_by(wanted, [Origin("a"), Origin("b")])]
    tell(written)
    told = sorted(one.getMessage().partition(" ")[0] for one in caplog.records)
    assert told == ["--heatmaps", "--json", "--json3d", "--output", "--trc"]
    clear(written)
    for folder in names:
        assert {path.name for path in (tmp_path / folder).iterdir()} == {*FOREIGN}
    assert trc.exists()  # until the new ones are whole


def test_an_empty_or_missing_folder_is_nothing_to_speak_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "new/one"):
        written = [*written_by(settings("a", json=tmp_path / folder), [Origin("a")])]
        tell(written)
        clear(written)
    assert not caplog.records


def test_pictures_that_may_be_the_users_own_stay(tmp_path: Path) -> None:
    """Of a folder of PNGs those alone are ours that are numbered as frames are."""
    fill(tmp_path / "out", ["clip_000000000001.png", "holiday.png", "clip_000000000001.jpg"])
    wanted = settings("a", output=tmp_path / "out", image_format="png")
    clear([*written_by(wanted, [Origin("a")])])
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {*FOREIGN, "holiday.png", "clip_000000000001.jpg"}
