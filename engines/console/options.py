"""The fields of frozen dataclasses as options of a command line.

A field's name, type and default make the option; the string literal below it is its help. More
is said in the field's metadata: `positional` (no `--name` before the value;
needed unless it has a default), `values` (one
`--name` takes several values), `short` (one letter for `-x`), `rest` (words that follow no option
are values of this one) and `metavar` (what stands for the value in help).
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

Path = tuple[str, ...]  # names of fields, from the outermost settings inwards


@dataclass(frozen=True, slots=True)
class Option:
    """One field. owner: the dataclass that has it; types: of the values that it takes, one type
    for any number of them where `repeats`; default: MISSING where none is known beforehand.
    """

    owner: type
    path: Path
    types: tuple[Any, ...]
    repeats: bool
    default: object
    required: bool
    hints: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As it is typed, and as sentences call it."""
        word = self.path[-1]
        return word.upper() if self.positional else f"--{word.replace('_', '-')}"

    @property
    def short(self) -> str | None:
        """The same in one letter, where it has one."""
        letter = self.hints.get("short")
        return f"-{letter}" if letter else None

    @property
    def flag(self) -> bool:
        """Whether it takes no value."""
        return self.types == (bool,)

    @property
    def positional(self) -> bool:
        return bool(self.hints.get("positional"))

    @property
    def choices(self) -> tuple[Any, ...]:
        """All values that there are, empty where they cannot be counted."""
        return get_args(self.types[0]) if get_origin(self.types[0]) is Literal else ()


def options_of(settings: type, path: Path = ()) -> Iterator[Option]:
    """All options, those of nested dataclasses where their field stands."""
    kinds = get_type_hints(settings)
    for one in fields(settings):
        kind = _without_none(kinds[one.name])
        if is_dataclass(kind):
            assert isinstance(kind, type)
            yield from options_of(kind, (*path, one.name))
        else:
            yield _option(settings, (*path, one.name), one, kind)


def build(settings: type, values: Mapping[Path, object], path: Path = ()) -> Any:
    """The settings with these values of options; all others have their defaults."""
    kinds = get_type_hints(settings)
    given = {}
    for one in fields(settings):
        own = (*path, one.name)
        if own in values:
            given[one.name] = values[own]
        elif any(key[: len(own)] == own for key in values):
            given[one.name] = build(_without_none(kinds[one.name]), values, own)
    return settings(**given)


def help_texts(settings: type) -> dict[str, str]:
    """The string literals below fields, each as one line; empty where there is no source."""
    try:
        source = textwrap.dedent(inspect.getsource(settings))
    except OSError:
        return {}
    (described,) = ast.parse(source).body
    assert isinstance(described, ast.ClassDef)
    texts = {}
    for field, below in zip(described.body, described.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(str(text))):
                texts[name] = " ".join(text.split())
    return texts


def _option(owner: type, path: Path, field: Field[Any], kind: Any) -> Option:
    types, repeats = (kind,), False
    if get_origin(kind) is tuple:
        types = get_args(kind)
        if repeats := types[-1] is ...:
            types = types[:1]
    required = field.default is MISSING and field.default_factory is MISSING
    return Option(owner, path, types, repeats, field.default, required, field.metadata)


def _without_none(kind: Any) -> Any:
    """T of `T | None`; what is left of a union of more."""
    if not _is_union(kind):
        return kind
    parts = [part for part in get_args(kind) if part is not NoneType]
    return parts[0] if len(parts) == 1 else Union[tuple(parts)]  # noqa: UP007


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def words_or(kind: Any) -> tuple[tuple[str, ...], Any]:
    """Of `int | Literal["auto"]` the words, and the type of what else there may be."""
    if not _is_union(kind):
        return (), kind
    parts = get_args(kind)
    words = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
    (rest,) = (part for part in parts if get_origin(part) is not Literal)
    return tuple(words), rest
