"""`posestream demo`: poses without a camera, without a network, with nothing but the package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from posestream.demo import CLIP, OUTPUT, demo_words
from realtime.sources.webcam import no_camera
from tests.conftest import ROOT, without_anything


def demo(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """On a machine without a display, a network, or weights of its own."""
    return subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "demo", *words],
        cwd=folder,
        env=without_anything(folder),
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_writes_a_video_and_says_where_and_whose_it_is(tmp_path: Path) -> None:
    done = demo(tmp_path, "--jsonl", "poses.jsonl", "--end", "12")
    assert done.returncode == 0, done.stderr
    assert "CC BY 4.0" in done.stderr
    assert f"written to {OUTPUT}" in done.stderr
    with av.open(str(tmp_path / OUTPUT)) as video:
        assert sum(1 for _ in video.decode(video=0)) == 12
    frames = [json.loads(line) for line in (tmp_path / "poses.jsonl").read_text().splitlines()[1:]]
    assert all(frame["people"] for frame in frames)
    assert "downloaded" not in done.stderr  # the model in the box was meant, not fallen back to


def test_the_clip_is_small_and_says_whose_it_is() -> None:
    assert CLIP.stat().st_size < 1_000_000
    said = CLIP.with_name("ATTRIBUTION.txt").read_text(encoding="utf-8")
    assert CLIP.name in said
    assert "Creative Commons Attribution 4.0" in said


def test_where_there_is_a_display_it_plays_until_it_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("realtime.runtime.display.has_display", lambda: True)
    assert {"--loop", "--realtime"} <= {*demo_words([])}
    assert "--output" not in demo_words([])
    assert "--output" in demo_words(["--no-show"])
    assert "--loop" not in demo_words(["-o", "mine.mp4"])
    monkeypatch.setattr("realtime.runtime.display.has_display", lambda: False)
    assert "--output" in demo_words([])
    assert demo_words(["-o", "mine.mp4"])[-2:] == ["-o", "mine.mp4"]
    assert "--output" not in demo_words(["--output=mine.mp4"])


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_who_has_no_camera_is_told_of_it(platform: str, tmp_path: Path) -> None:
    assert "python -m posestream demo" in no_camera([], platform, tmp_path)
