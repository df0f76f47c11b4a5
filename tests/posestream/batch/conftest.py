"""A network that knows the rendered people, and a folder of videos of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.posestream.batch.walks import walk
from tests.run_files import SIZE
from tests.synth import write_tiny_network


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_network(tmp_path_factory.mktemp("tiny"), height=SIZE[1])


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Two videos, and between them by name a file that is none."""
    folder = tmp_path / "videos"
    walk(folder / "a.mkv", 60)
    walk(folder / "day 1" / "c.mkv", 90)
    (folder / "b.mp4").write_bytes(b"no video")
    return folder
