"""Short videos of somebody who walks by."""

from __future__ import annotations

from pathlib import Path

from tests.run_files import SIZE
from tests.synth import person, scene, write_video


def walk(path: Path, begin: float, frames: int = 4) -> Path:
    """A video of one person; begin: where they stand at first, pixels from the left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    people = [[person((begin + 6 * n, 128), 180, "walking")] for n in range(frames)]
    pictures = [scene(one, SIZE) for one in people]
    return write_video(path, pictures, [n / 30 for n in range(frames)])
