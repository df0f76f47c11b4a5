"""What a run of the whole program wrote, read without the program."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.synth import Points

SIZE = (320, 256)  # of the pictures


def people_of(path: Path) -> list[Points]:
    """(18, 3) x, y, score of each person in an OpenPose JSON file, by the json module alone."""
    data = json.loads(path.read_text())
    assert list(data) == ["version", "people"]
    return [np.array(one["pose_keypoints_2d"], float).reshape(-1, 3) for one in data["people"]]
