"""The photos to train on, decoded once and kept in memory."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from engines.types.arrays import Image
from training.data.errors import TrainingError
from training.data.target_maps import KEYPOINTS, Persons, trusted

SEVERAL = 3  # people in a photo beyond whom more of them make no difference
NOBODY: Persons = np.empty((0, KEYPOINTS, 2), np.float32)


class Photo(NamedTuple):
    """image: (h, w, 3) uint8 BGR. persons: (P, 18, 2) pixels, NaN where nobody wrote anything.

    boxes: (B, 4) left, top, width, height of people, as far as they are known.
    """

    image: Image
    persons: Persons = NOBODY
    boxes: np.ndarray[Any, np.dtype[np.float32]] = np.empty((0, 4), np.float32)


def read_photos(*folders: Path, count: int | None = None) -> list[Photo]:
    """All pictures of the folders' .tar shards in their order, with the labels of labels.jsonl,
    where a folder has one. count: the first so many.

    TrainingError where a folder has no pictures, or a line of the labels is broken.
    """
    photos: list[Photo] = []
    for folder in folders:
        left = None if count is None else count - len(photos)
        if left == 0:
            break
        labels = _labels(folder / "labels.jsonl")
        shards = sorted(folder.glob("*.tar"))
        every = (photo for shard in shards for photo in _photos(shard, labels))
        found = list(islice(every, left))
        if not found:
            raise TrainingError(f"{folder} holds no .tar shards with photos; see docs/training.md.")
        photos += found
    return photos


def often(photos: Sequence[Photo]) -> list[int]:
    """Numbers of the photos, those of several people as often as there are people.

    One person alone is soon known by heart; neighbours whose limbs join are what is hard.
    """
    return [
        number
        for number, photo in enumerate(photos)
        for _ in range(min(max(len(photo.boxes), 1), SEVERAL))
    ]


def _labels(path: Path) -> dict[str, Photo]:
    """By the file's name; without the image."""
    known = {}
    nothing = np.empty((0, 0, 3), np.uint8)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            boxes = np.array(row.get("boxes") or [], np.float32).reshape(-1, 4)
            known[str(row["file"])] = Photo(nothing, trusted(row), boxes)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TrainingError(f"Line {number} of {path} is no label: {error}.") from error
    return known


def _photos(shard: Path, labels: Mapping[str, Photo]) -> Iterator[Photo]:
    with tarfile.open(shard) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is None or not member.name.endswith((".webp", ".jpg", ".png")):
                continue
            image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                known = labels.get(Path(member.name).name, Photo(np.empty((0, 0, 3), np.uint8)))
                yield known._replace(image=np.asarray(image, np.uint8))
