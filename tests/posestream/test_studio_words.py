"""`posestream studio`: what its words mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from engines.console.arguments import parse
from posestream.studio import TakesAlone, studio_words
from realtime.settings.all import Settings


def meant(*words: str) -> Settings:
    known, runs = studio_words(words)
    assert runs
    return parse(Settings, "posestream studio", words=known)


@pytest.mark.parametrize(
    ("words", "folder", "sources"),
    [
        (["webcam"], "takes", ["webcam"]),
        (["monday", "webcam:0", "webcam:1"], "monday", ["webcam:0", "webcam:1"]),
        (["a.mp4", "b.mp4"], "takes", ["a.mp4", "b.mp4"]),
        (["monday", "--source", "rtsp://one/2"], "monday", ["rtsp://one/2"]),
        (["--source=a.mp4", "--takes", "monday"], "monday", ["a.mp4"]),
        (["-s", "folder", "-s", "other"], "takes", ["folder", "other"]),
    ],
)
def test_a_folder_and_sources(words: Sequence[str], folder: str, sources: Sequence[str]) -> None:
    settings = meant(*words)
    assert settings.web.takes == Path(folder)
    assert [*settings.sources.source] == sources
    assert settings.web.serve == "8080"
    assert not settings.window.show


def test_files_play_as_cameras_would_unless_asked_otherwise() -> None:
    looped = meant("a.mp4").sources
    assert looped.loop
    assert looped.realtime
    assert not meant("a.mp4", "--no-loop").sources.loop
    assert meant("webcam-want.mkv").sources.loop  # a file, whatever its name begins with
    assert not meant("webcam").sources.loop
    assert not meant("webcam:1").sources.loop
    assert not meant("rtsp://one/2").sources.realtime
    assert meant("webcam", "--serve", "9000", "--show").web.serve == "9000"


@pytest.mark.parametrize("words", [[], ["monday"], ["monday", "--serve", "9000"]])
def test_takes_alone(words: Sequence[str]) -> None:
    known, runs = studio_words(words)
    assert not runs
    alone = parse(TakesAlone, "posestream studio", words=known)
    assert alone.takes == Path(words[0] if words else "takes")
