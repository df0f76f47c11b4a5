"""Two programs that are told to write the same files at the same time."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from realtime.assembly import run
from realtime.types.errors import OutputError
from realtime.writing.names import Names
from realtime.writing.one_run import one_run_alone
from tests.calibration.cameras import ring
from tests.conftest import ROOT
from tests.realtime.wanted import settings
from tests.test_run_space import record
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks")
FRAMES = 9
KINDS = {
    **{kind: f"a.{kind}" for kind in ("jsonl", "csv", "coco", "mot", "stats")},
    **{kind: f"walk.{kind}" for kind in ("trc", "bvh")},
    "json": "json",
    "json3d": "json3d",
    "output": "v.mp4",
}


class Pair:
    """A run that goes on and on and writes these kinds of files, and the words for another."""

    def __init__(self, folder: Path, kinds: Sequence[str]) -> None:
        (folder / "cameras").mkdir()
        self.cameras = record(folder / "cameras", FRAMES, rig=ring(2, radius=5))
        self.rig = folder / "cameras" / "rig.toml"
        self.out = folder / "out"
        files = [word for kind in kinds for word in (f"--{kind}", str(self.out / KINDS[kind]))]
        command = [sys.executable, "run.py", *self.words("5"), *files, "--loop", "--realtime"]
        self.first = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: [*(self.out / "json").rglob("*.json")], process=self.first)

    def words(self, fps: str = "30") -> list[str]:
        """Of a run without outputs."""
        sources = [word for camera in self.cameras for word in ("--source", str(camera))]
        rig = ("--rig", str(self.rig), "--camera-fps", fps, "--mosaic")
        return [*sources, *rig, "--no-show", "--quiet"]

    def again(self, **files: Path) -> None:
        """In this process."""
        options: dict[str, Any] = {"rig": self.rig, "camera_fps": 30.0, "mosaic": True}
        run(settings(*map(str, self.cameras), **options, **files))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    both = Pair(tmp_path_factory.mktemp("pair"), [*KINDS])
    try:
        yield both
    finally:
        both.first.kill()
        both.first.communicate()


@pytest.mark.parametrize("kind", KINDS)
def test_what_another_run_writes_is_refused(kind: str, pair: Pair) -> None:
    path = pair.out / KINDS[kind]
    with pytest.raises(OutputError) as told:
        pair.again(**{kind: path})
    assert str(told.value) == (
        f"--{kind} {path} is being written by another run; end that one first, or choose "
        "another name."
    )
    assert pair.first.poll() is None


def test_a_link_to_it_is_refused_too(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(pair.out, target_is_directory=True)
    (tmp_path / "line.jsonl").symlink_to(pair.out / "a.jsonl")
    for files in ({"json": tmp_path / "other" / "json"}, {"jsonl": tmp_path / "line.jsonl"}):
        with pytest.raises(OutputError, match="is being written by another run"):
            pair.again(**files)


def test_other_kinds_of_files_of_the_same_names_are_refused(pair: Pair) -> None:
    """JSON of pictures is called after the source, that of 3D people after the rig."""
    folder = pair.out / "json3d"
    with pytest.raises(OutputError, match=f"--json {folder} is being written by another run"):
        run(settings(str(pair.cameras[0]), json=folder))
    with pytest.raises(OutputError, match=r"--json3d .* is being written by another run"):
        pair.again(json3d=pair.out / "json" / pair.cameras[0].name)
    part = pair.out / "walk_person7.trc"  # may come any time
    with pytest.raises(OutputError, match=f"--jsonl {part} is being written by another run"):
        pair.again(jsonl=part)
    assert pair.first.poll() is None


def test_other_files_in_the_same_folder_are_nobody_elses(pair: Pair) -> None:
    pair.again(jsonl=pair.out / "b.jsonl", trc=pair.out / "run.trc", json3d=pair.out / "json")
    assert (pair.out / "b.jsonl").read_text().count("\n") == 1 + 2 * FRAMES


def test_the_program_says_it_in_a_sentence_until_the_other_is_killed(
    tmp_path: Path, program: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    pair = Pair(tmp_path, ["json"])
    words = [*pair.words(), "--json", str(pair.out / "json")]
    try:
        refused = program(*words)
    finally:
        pair.first.kill()
        pair.first.communicate()
    assert refused.returncode == 2
    assert refused.stderr == (
        f"posestream: --json {pair.out / 'json'} is being written by another run; end that one "
        "first, or choose another name.\n"
    )
    assert program(*words).returncode == 0
    assert not [*(pair.out / "json").rglob(".*")]


def test_where_there_are_no_locks_a_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    output = ("--jsonl", tmp_path, Names("a.jsonl"))
    with one_run_alone([("--jsonl", tmp_path / "missing", Names("a.jsonl"))]):
        pass
    monkeypatch.setattr("fcntl.flock", refuse)
    with one_run_alone([output]), one_run_alone([output]):
        assert [*tmp_path.iterdir()] == []


def test_a_lock_goes_with_the_run(tmp_path: Path) -> None:
    killed = tmp_path / ".posestream-a#.jsonl.lock"
    killed.touch()
    for _ in range(2):
        with one_run_alone([("--jsonl", tmp_path, Names("a.jsonl"))]):
            assert [one.name for one in tmp_path.iterdir()] == [".posestream-a.jsonl.lock"]
        assert [*tmp_path.iterdir()] == []
