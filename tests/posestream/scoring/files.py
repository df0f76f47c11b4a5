"""Label files and results, made as their formats are documented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

BODY = 17


def write(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


def body(x: float, y: float, size: float, keypoints: int, seed: int = 0) -> np.ndarray:
    """(K, 2) somewhere within a square of this size."""
    return np.random.default_rng(seed).uniform(0, size, (keypoints, 2)) + np.array([x, y])


def triples(xy: np.ndarray, last: float = 2) -> list[float]:
    return np.concatenate([xy, np.full((len(xy), 1), last)], axis=1).ravel().tolist()


def coco(people: list[np.ndarray], **more: Any) -> dict[str, Any]:
    """One picture a person, 000000000001.jpg and so on; what `more` has goes to all people."""
    images = [{"id": n + 1, "file_name": f"{n + 1:012d}.jpg"} for n in range(len(people))]
    entries = []
    for n, xy in enumerate(people):
        low, side = xy.min(axis=0), np.ptp(xy, axis=0)
        entries.append(
            {
                "id": n + 1,
                "image_id": n + 1,
                "category_id": 1,
                "iscrowd": 0,
                "num_keypoints": len(xy),
                "keypoints": triples(xy),
                "bbox": [*low.tolist(), *side.tolist()],
                "area": float(side.prod()),
                **more,
            }
        )
    return {"images": images, "annotations": entries, "categories": [{"id": 1, "name": "person"}]}


def results(people: list[np.ndarray], score: float = 0.9) -> list[dict[str, Any]]:
    return [
        {"image_id": n + 1, "category_id": 1, "keypoints": triples(xy, 1), "score": score}
        for n, xy in enumerate(people)
    ]
