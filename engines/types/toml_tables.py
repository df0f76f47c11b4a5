"""TOML tables -> dataclasses, with an error for every key that is unknown, absent or wrong."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import MISSING, fields
from reprlib import repr as short
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from engines.types.errors import CardError

MAX_NUMBER = 1e38  # beyond it networks, which calculate in float32, have infinity alone
T = TypeVar("T")


def build(kind: type[T], where: str, entry: Any) -> T:
    """The dataclass `kind` from a table; its annotations say what each key may hold."""
    entry = table(where, entry)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    required = [
        name
        for name, field in known.items()
        if field.default is MISSING and field.default_factory is MISSING
    ]
    check_keys(where, entry, known, required)
    hints = get_type_hints(kind)
    for key, value in entry.items():
        if get_origin(hints[key]) is tuple and isinstance(value, list):
            entry[key] = tuple(value)
        if not _fits(entry[key], hints[key]):
            raise CardError(f"{key} in {where} must be {known[key].type}, not {short(value)}.")
    return kind(**entry)


def check_keys(
    where: str, entry: dict[str, Any], known: Collection[str], required: Collection[str]
) -> None:
    """CardError names the first key of the table that is not known, or that it lacks."""
    for key in entry:
        if key not in known:
            raise CardError(f"{key!r} is not known in {where}; known are {', '.join(known)}.")
    for key in required:
        if key not in entry:
            raise CardError(f"{where} lacks {key!r}.")


def table(where: str, entry: Any) -> dict[str, Any]:
    """A copy of a table."""
    if not isinstance(entry, dict):
        raise CardError(f"{where} must be a table, not {short(entry)}.")
    return dict(entry)


def tables(where: str, entries: Any) -> list[dict[str, Any]]:
    """A list of at least one table."""
    if not isinstance(entries, list) or not entries:
        raise CardError(f"{where} must be a list of tables, not {short(entries)}.")
    return [table(f"each of {where}", entry) for entry in entries]


def _fits(value: Any, hint: Any) -> bool:
    """Whether a TOML value has the type that a field is annotated with."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in inner
    if origin is UnionType:
        return any(_fits(value, one) for one in inner)
    if origin is tuple:
        return isinstance(value, tuple | list) and all(_fits(one, inner[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(one, inner[1]) for one in value.values())
    if isinstance(value, bool):
        return False
    if hint is float:
        # Compared, as TOML has whole numbers that no float can hold; NaN is not less either.
        return isinstance(value, int | float) and abs(value) < MAX_NUMBER
    return isinstance(value, hint)
