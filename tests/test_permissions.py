"""What a user may not read or write, and a cache that is read-only: told in a sentence."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from posestream.batch.recordings import recordings
from posestream.commands.calibrate.main import main as calibrate
from realtime.assembly import run
from realtime.types.errors import OutputError, RealtimeError, SettingsError, SourceError
from tests.realtime.wanted import settings
from tests.run_files import SIZE
from tests.synth import person, scene, write_picture, write_tiny_network, write_video

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
NOBODY = 65534
CLOSED, LISTED, READ_ONLY, OPEN = 0o000, 0o444, 0o555, 0o755
BOARD = "--board chessboard --columns 7 --rows 5 --square 0.03"


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Root may read and write everything; within this nobody's rights hold."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that others may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(OPEN)
        write_tiny_network(folder, SIZE[1])
        picture = scene([person((160, 128), 180)], SIZE)
        write_video(folder / "clip.mkv", [picture] * 3, [0.0, 0.1, 0.2])
        for one in ("own", "photos", "read-only"):
            (folder / one).mkdir()
        (folder / "own").chmod(0o777)
        write_picture(folder / "photos" / "a.png", picture)
        (folder / "read-only").chmod(READ_ONLY)
        try:
            yield folder
        finally:
            (folder / "photos").chmod(OPEN)


def refused(kind: type[RealtimeError], *sources: Path, **options: Any) -> str:
    with ordinary_user(), pytest.raises(kind) as told:
        run(settings(*map(str, sources), **options))
    return str(told.value)


@pytest.mark.parametrize(
    ("mode", "source", "says"),
    [
        (CLOSED, "photos", "Folder {place}/photos cannot be read: Permission denied."),
        (LISTED, "photos", "Files in folder {place}/photos cannot be read: Permission denied."),
        (CLOSED, "photos/a.png", "{place}/photos/a.png cannot be read: Permission denied."),
        (LISTED, "photos/a.png", "{place}/photos/a.png cannot be read: Permission denied."),
    ],
)
def test_a_folder_that_keeps_the_user_out(mode: int, source: str, says: str, place: Path) -> None:
    (place / "photos").chmod(mode)
    said = refused(SourceError, place / source, model=str(place / "tiny.toml"))
    assert said == says.format(place=place)


@pytest.mark.parametrize("mode", [CLOSED, LISTED])
def test_other_commands_say_it_too(
    mode: int, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = place / "photos"
    photos.chmod(mode)
    words = f"intrinsics --source {photos} {BOARD} --output {place}/own/cam.toml"
    with ordinary_user():
        assert calibrate(words.split()) == 2
        with pytest.raises(SettingsError, match=r"photos.* cannot be read: Permission denied\."):
            recordings([str(photos)])
    said = capsys.readouterr().err
    assert f"older {photos} cannot be read: Permission denied." in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "name"),
    [
        *((kind, f"a.{kind}") for kind in ("jsonl", "csv", "coco", "mot", "stats")),
        *((kind, kind) for kind in ("json", "record", "heatmaps")),
        *(("output", name) for name in ("v.mp4", "pictures")),
    ],
)
def test_a_folder_that_takes_no_files(option: str, name: str, place: Path) -> None:
    film, folder = place / "clip.mkv", place / "read-only"
    said = refused(OutputError, film, model=str(place / "tiny.toml"), **{option: folder / name})
    assert said.startswith(f"--{option} {folder}")
    assert said.endswith(" cannot be written: permission denied; choose another place.")
    assert not [*folder.iterdir()]


def test_a_file_of_somebody_else_stays(place: Path) -> None:
    theirs = place / "own" / "a.jsonl"
    theirs.write_text("theirs")
    theirs.chmod(0o444)
    said = refused(OutputError, place / "clip.mkv", model=str(place / "tiny.toml"), jsonl=theirs)
    assert said == f"--jsonl {theirs} cannot be overwritten; choose another name."
    assert theirs.read_text() == "theirs"


def test_a_read_only_cache_is_not_in_the_way(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A model to download cannot be kept there: the bundled one runs, and says so."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "read-only"))
    monkeypatch.delenv("POSE_WEIGHTS", raising=False)
    lines = place / "own" / "a.jsonl"
    run(settings(str(place / "photos" / "a.png"), model="pafnet"))  # which loads what it needs
    with ordinary_user():
        run(settings(str(place / "photos" / "a.png"), preset="best", jsonl=lines))
    assert len(lines.read_text().splitlines()) == 2
    assert f"cannot be written to {place}/read-only/posestream/weights" in caplog.text
    assert not [*(place / "read-only").iterdir()]


def test_no_place_for_temporary_files_is_not_in_the_way_of_pictures(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(place / "missing"))
    lines = place / "own" / "a.jsonl"
    run(settings(str(place / "photos" / "a.png"), model=str(place / "tiny.toml"), jsonl=lines))
    assert len(lines.read_text().splitlines()) == 2
