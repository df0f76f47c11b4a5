"""Command lines: what cannot be understood is told in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, TypeVar, get_type_hints

import tyro

# Not public, but tyro is pinned: its public way of telling errors is to draw boxes, and it breaks
# the lines of help where the source does.
from tyro import _docstrings, _errors

from engines.types.errors import UsageError

T = TypeVar("T")
_help_of = _docstrings.parse_docstring_from_object
# What Python says of a word that is no number.
WORDS = (
    (r"invalid literal for int\(\) with base 10: (.*)", r"\1 is no whole number"),
    (r"could not convert string to float: (.*)", r"\1 is no number"),
)


def _flowing_help_of(settings: object) -> dict[str, str]:
    return {name: " ".join(text.split()) for name, text in _help_of(settings).items()}


_docstrings.parse_docstring_from_object = _flowing_help_of  # type: ignore[assignment]


def parse(
    settings: type[T], prog: str, description: str | None = None, words: Sequence[str] | None = None
) -> T:
    """The settings that a command line says; UsageError where it says none."""
    with refusing(settings):
        return tyro.cli(
            settings,
            prog=prog,
            description=description,
            args=words,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.UseAppendAction),
        )


@contextmanager
def refusing(*settings: type) -> Iterator[None]:
    """Inside, what tyro cannot parse is a UsageError. settings: whose options there are."""

    def refuse(event: _errors.ParseErrorEvent) -> None:
        if what := _told(event, settings):
            raise UsageError(what)

    with _errors.on_parse_error(refuse):
        yield


def _told(event: _errors.ParseErrorEvent, settings: Sequence[type]) -> str | None:
    """A sentence; None for what a command line of this program cannot do wrong."""
    more = f"{event.prog} --help lists all options."
    if isinstance(event, _errors.InstantiationFailure):
        message = event.message
        for wrong, words in WORDS:
            message = re.sub(wrong, words, message)
        if event.argument is None:
            return message
        return f"{_name(event.argument)}: {message.rstrip('.')}; {more}"
    strange: list[str] = []
    if isinstance(event, _errors.UnrecognizedArgs):
        strange = event.tokens
    elif isinstance(event, _errors.MissingArgs):
        strange = event.unrecognized_tokens
        if not strange:
            names = [_name(one.arg) for one in event.missing_arguments]
            return f"{' and '.join(names)} must be given; {more}"
    if strange:
        known = [f"--{name}" for one in settings for name in _options(one)]
        near = get_close_matches(strange[0].partition("=")[0], known, 1)
        hint = f"did you mean {near[0]}?" if near else more
        return f"{strange[0]!r} is not understood; {hint}"
    if isinstance(event, _errors.InvalidChoice):
        choices = ", ".join(event.choices)
        return f"{_name(event.argument)} {event.value!r} cannot be; there are {choices}."
    if isinstance(event, _errors.BadValue):
        return f"{_name(event.argument)} needs a value; {more}"
    return None


def _name(argument: Any) -> str:
    if argument.is_positional():
        return str(argument.field.intern_name).upper()
    return str(argument.lowered.name_or_flags[0])


def _options(settings: type) -> Iterator[str]:
    """The names of all options of nested settings."""
    hints = get_type_hints(settings)
    for one in fields(settings):
        if is_dataclass(hints[one.name]):
            yield from _options(hints[one.name])
        else:
            yield one.name.replace("_", "-")
