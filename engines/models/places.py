"""Where weights are looked for, and where they are kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from engines.models.card import Card
from engines.models.weight_file import WeightFile

PACKAGE = Path(__file__).parents[1] / "weights"
VARIABLE = "POSE_WEIGHTS"
FOLDER_LEVELS = 2  # how many folders below those of POSE_WEIGHTS are looked into


def cached(file: WeightFile) -> Path:
    """Where a file lies in the cache."""
    known = file.sha256 or hashlib.sha256(file.key.encode()).hexdigest()
    return cache_folder() / f"{known[:12]}-{file.name}"


def cache_folder() -> Path:
    """Where fetched weights are kept."""
    return platformdirs.user_cache_path("posestream", appauthor=False) / "weights"


def named_folders() -> list[Path]:
    """The folders that POSE_WEIGHTS names."""
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    return [Path(folder).expanduser() for folder in named if folder]


def candidates(card: Card) -> Iterator[Path]:
    """Files that may be a model's weights: all where weights are looked for."""
    flat = [PACKAGE, card.folder, cache_folder()]
    for folder, levels in [(f, 0) for f in flat] + [(f, FOLDER_LEVELS) for f in named_folders()]:
        for root, below, names in os.walk(folder):
            here = Path(root)
            below.sort()
            if len(here.relative_to(folder).parts) >= levels:
                below.clear()
            yield from (here / name for name in sorted(names))
