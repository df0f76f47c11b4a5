"""A batch gives what single runs give, does what is missing, and goes on after failures."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from posestream.batch.local import Worker
from posestream.batch.manifest import Manifest
from posestream.batch.recordings import Recording
from posestream.batch.work import FILES, Job, work
from posestream.commands.files.batch import Kind
from posestream.main import main
from realtime.settings.files import FileSettings
from realtime.settings.model import ModelSettings
from realtime.settings.tracking import TrackSettings
from tests.posestream.batch.walks import walk


def batch(videos: Path, output: Path, card: Path, *more: object) -> int:
    words = ["batch", f"{videos}/**/*.m*", "-o", output, "--model", card, *more]
    return main([str(word) for word in words])


def files_in(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_results_are_those_of_single_runs(
    videos: Path, card: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "results"
    assert batch(videos, output, card, "--make", "csv", "json", "coco") == 4
    said = capsys.readouterr().err
    assert "a: 4 frames" in said
    assert "b failed" in said
    assert "2 recordings done" in said
    (failure,) = json.loads((output / "failures.json").read_text())
    assert (failure["recording"], failure["attempts"]) == ("b", 3)
    for name, video in {"a": videos / "a.mkv", "day 1/c": videos / "day 1" / "c.mkv"}.items():
        alone = tmp_path / "alone" / name
        words = [video, "-q", "--no-show", "--model", card, "-j", alone / "json"]
        words += ["--csv", alone / "poses.csv", "--coco", alone / "coco.json"]
        assert main([str(word) for word in words]) == 0
        made = {one for one in files_in(output / name) if one != "manifest.json"}
        assert made == {*files_in(alone)}
        for file in made:
            assert (output / name / file).read_bytes() == (alone / file).read_bytes(), file


def test_only_what_is_missing_or_changed_is_done_again(
    videos: Path, card: Path, tmp_path: Path
) -> None:
    output = tmp_path / "results"
    (videos / "b.mp4").unlink()
    assert batch(videos, output, card) == 0
    before = files_in(output)
    assert batch(videos, output, card) == 0
    assert files_in(output) == before
    os.utime(videos / "a.mkv")  # copied anew: the same film
    assert batch(videos, output, card) == 0
    assert files_in(output) == before
    walk(videos / "a.mkv", 120)
    assert batch(videos, output, card) == 0
    after = files_in(output)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"a/{name}" for name in ("poses.jsonl", "stats.json", "manifest.json")}
    assert batch(videos, output, card, "--no-track") == 0
    assert all(after[name] != now for name, now in files_in(output).items())


def test_each_kind_of_results_has_its_file() -> None:
    assert set(get_args(Kind)) == set(FILES)
    assert set(FILES) <= {one.name for one in fields(FileSettings)}


def test_all_results_are_one_table(videos: Path, card: Path, tmp_path: Path) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    (videos / "b.mp4").unlink()
    assert batch(videos, tmp_path / "results", card, "--make", "parquet") == 0
    files = sorted(map(str, (tmp_path / "results").rglob("poses.parquet")))
    table = dataset.dataset(files).to_table(columns=["__filename", "frame", "keypoint"])
    rows = set(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))
    assert len(rows) == table.num_rows
    assert {(row[0], row[1]) for row in rows} == {(file, n) for file in files for n in range(4)}


def test_folders_of_others_are_left_alone(
    videos: Path, card: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "results"
    (output / "a").mkdir(parents=True)
    (output / "a" / "thesis.txt").write_text("years of work")
    assert batch(videos, output, card, "--retries", 0) == 4
    assert "holds no results of a batch" in capsys.readouterr().err
    assert [one.name for one in (output / "a").iterdir()] == ["thesis.txt"]
    assert not list(output.glob(".*"))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--make", "trc"], "--trc needs calibrated cameras"),
        (["--make", "mot", "--no-track"], "--mot needs ids"),
        (["--make", "film"], "--make must be"),
        (["--retries", "-1"], "--retries must be 0 or more"),
        (["--divide", "-1"], "--divide must be 0 or more minutes"),
        (["--model", "nobody"], "nobody"),
        (["--ray", "ray://127.0.0.1:1"], "no cluster can be reached there (Connection refused)"),
        (["--ray", "127.0.0.1:1"], "no cluster can be reached there (Connection refused)"),
    ],
)
def test_mistakes_are_told_before_any_work(
    videos: Path,
    card: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    sentence: str,
) -> None:
    if "--ray" in more:
        pytest.importorskip("ray")
    output = tmp_path / "results"
    assert batch(videos, output, card, *more) == 2
    assert sentence in capsys.readouterr().err
    assert not list(output.rglob("poses*"))


def job(video: Path, folder: Path, card: Path) -> Job:
    one = Recording(video.stem, (str(video),))
    models, tracks = ModelSettings(model=str(card)), TrackSettings()
    return Job(one, folder, ("csv",), models, tracks, Manifest((), {}, {}))


def test_a_recording_that_kills_its_process_takes_nobody_along(card: Path, tmp_path: Path) -> None:
    video = walk(tmp_path / "a.mkv", 60)
    with Worker() as worker:
        long = walk(tmp_path / "long.mkv", 400)

        def kill() -> None:
            while not (tmp_path / ".long.part").is_dir():
                if over.wait(0.01):
                    return
            worker._process.kill()

        over = threading.Event()
        killer = threading.Thread(target=kill)
        killer.start()
        lost = worker(job(long, tmp_path / "long", card))
        over.set()
        killer.join()
        assert lost.error is not None
        assert "process was killed" in lost.error
        assert worker(job(video, tmp_path / "a", card)).error is None


def test_what_a_killed_batch_left_is_cleared(card: Path, tmp_path: Path) -> None:
    video = walk(tmp_path / "a.mkv", 60)
    left = tmp_path / ".a.part"
    left.mkdir()
    (left / "half.csv").touch()
    assert work(job(video, tmp_path / "a", card)).error is None
    assert not left.exists()
    assert {one.name for one in (tmp_path / "a").iterdir()} == {"poses.csv", "manifest.json"}


def test_a_full_disk_fails_a_recording_and_keeps_what_was_there(card: Path, tmp_path: Path) -> None:
    """A bound on the size of files stands for the disk: the system refuses to write on alike."""
    resource = pytest.importorskip("resource", reason="bounds of processes are those of Unix")
    video = walk(tmp_path / "a.mkv", 60)
    assert work(job(video, tmp_path / "a", card)).error is None
    before = files_in(tmp_path / "a")
    bounds = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, bounds[1]))
        full = work(job(video, tmp_path / "a", card))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, bounds)
    assert full.error == f"{tmp_path / 'a' / 'poses.csv'} cannot be written: file too large."
    assert files_in(tmp_path / "a") == before
    assert not list(tmp_path.glob(".*"))
    assert work(job(video, tmp_path / "b", card)).error is None
