"""People as tables in long format: a row for each keypoint that was found."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from posestream.errors import PosestreamError, expect

COLUMNS = ("frame", "time", "camera", "person", "keypoint", "x", "y", "score")
Row = tuple[int, float, str, int, str, float, float, float]


@runtime_checkable
class Tabular(Protocol):
    """The People of a picture, as far as tables need them: a Row a keypoint found."""

    def rows(self) -> list[Row]: ...


def to_pandas(people: Tabular | Iterable[Tabular]) -> Any:
    """A DataFrame with the columns frame, time (seconds), camera, person (its id, or its place in
    the picture without tracking; below 0 while it has no id among others who have one), keypoint,
    x, y (pixels) and score (0..1).
    """
    return _library("pandas").DataFrame(columns(people))


def to_arrow(people: Tabular | Iterable[Tabular]) -> Any:
    """A pyarrow Table with the same columns; `pyarrow.parquet.write_table` makes Parquet of it."""
    return _library("pyarrow").table(columns(people))


def columns(people: Tabular | Iterable[Tabular]) -> dict[str, list[Any]]:
    """Each column's values, by name."""
    several = [people] if isinstance(people, Tabular) else people
    expect(several, Iterable, "A table is made of People, or of a list of them")
    rows = [row for one in several for row in one.rows()]
    return {name: [row[n] for row in rows] for n, name in enumerate(COLUMNS)}


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise PosestreamError(f"{name} is not installed; run: pip install {name}") from error
