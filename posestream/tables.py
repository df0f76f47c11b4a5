"""People as tables in long format: a row for each keypoint that was found."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import numpy as np

from posestream.errors import PosestreamError
from posestream.people import People

COLUMNS = ("frame", "time", "camera", "person", "keypoint", "x", "y", "score")


def to_pandas(people: People | Iterable[People]) -> Any:
    """A DataFrame with the columns frame, time (seconds), camera, person (its id, or its place in
    the picture without tracking), keypoint, x, y (pixels) and score (0..1).
    """
    return _library("pandas").DataFrame(columns(people))


def to_arrow(people: People | Iterable[People]) -> Any:
    """A pyarrow Table with the same columns; `pyarrow.parquet.write_table` makes Parquet of it."""
    return _library("pyarrow").table(columns(people))


def columns(people: People | Iterable[People]) -> dict[str, list[Any]]:
    """Each column's values, by name."""
    rows: list[tuple[Any, ...]] = []
    for one in [people] if isinstance(people, People) else people:
        who = np.where(one.ids >= 0, one.ids, np.arange(len(one))).tolist()
        for person, keypoint in np.argwhere(one.scores > 0).tolist():
            x, y = one.keypoints[person, keypoint].tolist()
            score = float(one.scores[person, keypoint])
            name = one.names[keypoint]
            rows.append((one.frame, one.time, one.camera, who[person], name, x, y, score))
    return {name: [row[n] for row in rows] for n, name in enumerate(COLUMNS)}


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise PosestreamError(f"{name} is not installed; run: pip install {name}") from error
