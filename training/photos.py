"""The photos to train on, decoded once and kept in memory."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from engines.poses import Image
from training.errors import TrainingError


def read_photos(folder: Path) -> list[Image]:
    """All pictures of a folder's .tar shards, (h, w, 3) uint8 BGR, in the order of the shards.

    TrainingError where there are none.
    """
    photos = [photo for shard in sorted(folder.glob("*.tar")) for photo in _pictures(shard)]
    if not photos:
        raise TrainingError(f"{folder} holds no .tar shards with photos; see the README.")
    return photos


def _pictures(shard: Path) -> Iterator[Image]:
    with tarfile.open(shard) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is None or not member.name.endswith((".webp", ".jpg", ".png")):
                continue
            image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                yield np.asarray(image, np.uint8)
