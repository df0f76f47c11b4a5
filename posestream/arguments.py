"""What Python programs give as options, checked as the command line's words are."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.console.arguments import did_you_mean
from engines.console.options import Option, options_of, words_or
from posestream.errors import PosestreamError

Path_ = tuple[str, ...]
KINDS: dict[object, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a string",
    Path: "a path",
}


def checked(settings: type, given: Mapping[str, object], more: str) -> dict[Path_, object]:
    """The values of options by their paths, as `build` takes them.

    given: by name with underscores. more: what to do where a name is like none.
    PosestreamError for a name or a value that is none of an option's.
    """
    known = {one.path[-1]: one for one in options_of(settings)}
    values = {}
    for name, value in given.items():
        if name not in known:
            raise PosestreamError(f"There is no option {name!r}; {did_you_mean(name, known, more)}")
        values[known[name].path] = _value(known[name], name, value)
    return values


def _value(option: Option, name: str, value: object) -> object:
    if value is None and option.default is None:
        return None
    if option.choices:
        if not isinstance(value, str | int) or value not in option.choices:
            raise PosestreamError(f"{name} must be {either(option.choices)}, not {value!r}.")
        return value
    words, kind = words_or(option.types[0])
    if option.repeats:
        several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        return tuple(_one(kind, words, name, one) for one in several)
    return _one(kind, words, name, value)


def _one(kind: Any, words: Sequence[str], name: str, value: object) -> object:
    if isinstance(value, str) and value in words:
        return value
    try:
        if kind is bool and isinstance(value, bool):
            return value
        if kind is int and not isinstance(value, bool):
            return operator.index(value)  # type: ignore[arg-type]
        if kind is float and not isinstance(value, bool | str):
            return float(value)  # type: ignore[arg-type]
        if kind is Path:
            return Path(os.fspath(value))  # type: ignore[call-overload]
        if kind is str:
            return os.fspath(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        pass
    raise PosestreamError(f"{name} must be {either([KINDS[kind], *words])}, not {value!r}.")


def either(names: Iterable[object]) -> str:
    """The names with "or" before the last."""
    *most, last = (one if one in KINDS.values() else repr(one) for one in names)
    return f"{', '.join(map(str, most))} or {last}" if most else str(last)
