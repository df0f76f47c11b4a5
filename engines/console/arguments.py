"""Command lines: argparse, made from settings dataclasses, with mistakes told in one sentence."""

from __future__ import annotations

import re
import sys
from argparse import (
    SUPPRESS,
    Action,
    ArgumentError,
    ArgumentParser,
    BooleanOptionalAction,
    Namespace,
)
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from engines.console.help_page import help_page
from engines.console.options import Option, build, options_of, words_or
from engines.console.standard_output import write_help
from engines.types.errors import UsageError

T = TypeVar("T")
HELP = ("-h", "--help")
MAX_PROPOSALS, MIN_LIKENESS = 3, 0.75  # names proposed for an unknown one, and difflib's ratio
_NEGATIVE = re.compile(r"-\.?\d")
_NUMBERS = {int: "a whole number", float: "a number"}


def parse(
    settings: type[T],
    prog: str,
    description: str | None = None,
    words: Sequence[str] | None = None,
    foreign: Mapping[str, str] | None = None,
) -> T:
    """The settings that a command line says; UsageError where it says none, SystemExit after help.

    description: of help, else the docstring of the settings. foreign: options of other programs,
    by name without dashes and with underscores, and a sentence about each.
    """
    options = list(options_of(settings))
    parser = _Parser(prog, settings, description or settings.__doc__ or "", options)
    known = {name: action for action in parser.actions for name in action.option_strings}
    given = Namespace()
    words = sys.argv[1:] if words is None else words
    try:
        _, extra = parser.parse_known_args(list(_known(words, known, prog, foreign or {})), given)
    except ArgumentError as error:
        if error.argument_name is not None:  # else a positional is missing, which is told below
            raise UsageError(_wants(options, error.argument_name, prog)) from error
        extra = []
    extra = [word for word in extra if word != "--"]
    found = vars(given)
    for option in options:
        if extra and option.hints.get("rest"):
            found[_dest(option)] = [*found.get(_dest(option), ()), *extra]
            extra = []
    if extra:
        needed = [one.name for one in options if one.required and not one.positional]
        hint = f"did you mean {needed[0]} {extra[0]}?" if len(needed) == 1 else _more(prog)
        raise UsageError(f"{extra[0]!r} follows no option; {hint}")
    values = {one.path: _value(one, found[_dest(one)]) for one in options if _dest(one) in found}
    if missing := [one.name for one in options if one.required and one.path not in values]:
        are = "are" if len(missing) > 1 else "is"
        raise UsageError(f"{' and '.join(missing)} {are} required; {_more(prog)}")
    result: T = build(settings, values)
    return result


def did_you_mean(word: str, known: Iterable[str], more: str) -> str:
    """The end of a sentence about a name that is not known; `more` where none is like it."""
    names = {name.lstrip("-"): name for name in known}
    word = word.lstrip("-")
    near = (
        get_close_matches(word, names, MAX_PROPOSALS, MIN_LIKENESS)
        or [name for name in names if word in name.split("-")][:MAX_PROPOSALS]
        or get_close_matches(word, names, 1)
    )
    return f"did you mean {_either([names[one] for one in near])}?" if near else more


class _Parser(ArgumentParser):
    """Nothing is required, no value converted and no default filled in here."""

    def __init__(
        self, prog: str, settings: type, description: str, options: Sequence[Option]
    ) -> None:
        super().__init__(
            prog, argument_default=SUPPRESS, allow_abbrev=False, exit_on_error=False, add_help=False
        )
        self._page = settings, description, options
        self.actions = [self.add_argument(*HELP, action="help"), *map(self._add, options)]

    def _add(self, option: Option) -> Action:
        if option.positional:
            return self.add_argument(_dest(option), nargs=None if option.required else "?")
        names = [option.short, option.name] if option.short else [option.name]
        if option.flag:
            return self.add_argument(
                *names, dest=_dest(option), action=BooleanOptionalAction, default=SUPPRESS
            )
        nargs = "+" if option.hints.get("values") else len(option.types)
        action = "extend" if option.repeats else "store"
        return self.add_argument(*names, dest=_dest(option), nargs=nargs, action=action)

    def print_help(self, file: object = None) -> None:
        settings, description, options = self._page
        write_help(help_page(self.prog, settings, description, options))

    def error(self, message: str) -> NoReturn:
        raise ArgumentError(None, message)


def _known(
    words: Sequence[str], known: Mapping[str, Action], prog: str, foreign: Mapping[str, str]
) -> Iterator[str]:
    """The words with - for _ in names of options; UsageError for a name that is not known."""
    waits = ""  # an option before its value
    for n, word in enumerate(words):
        if word == "--":
            yield from filter(None, (waits, *words[n:]))
            return
        name, equals, value = word.partition("=")
        negative = _NEGATIVE.match(word)
        if waits:
            # argparse takes -1 for a value, but -1e-3 for an option before Python 3.14.
            yield f"{waits}={word}" if negative else waits
            waits = ""
            if negative:
                continue
        if not word.startswith("-") or word == "-" or negative or " " in name:
            yield word
            continue
        name = name.replace("_", "-")
        action = known.get(name)
        if action is None:
            if sentence := foreign.get(name.strip("-").replace("-", "_")):
                raise UsageError(sentence)
            hint = did_you_mean(name, known, _more(prog))
            raise UsageError(f"There is no option {word.partition('=')[0]}; {hint}")
        if not equals and action.nargs in (1, "+"):
            waits = name
        else:
            yield f"{name}{equals}{value}"
    if waits:
        yield waits


def _value(option: Option, given: Any) -> object:
    """As the field has it; `given` are one word, several, or a flag's state."""
    if option.flag:
        return given
    texts = [given] if isinstance(given, str) else given
    types = option.types * len(texts) if option.repeats else option.types
    values = tuple(_converted(option, *one) for one in zip(types, texts, strict=True))
    return values if option.repeats or len(option.types) > 1 else values[0]


def _converted(option: Option, kind: Any, text: str) -> object:
    if option.choices:
        for choice in option.choices:
            if str(choice) == text:
                return choice
        raise UsageError(f"{option.name} must be {_either(option.choices)}, not {text!r}.")
    words, kind = words_or(kind)
    if text in words:
        return text
    assert kind in (str, Path, *_NUMBERS), f"{option.name} has a type that words are not made into"
    try:
        return kind(text)
    except ValueError as error:
        either = " or ".join((_NUMBERS[kind], *words))
        raise UsageError(f"{option.name} must be {either}, not {text!r}.") from error


def _wants(options: Sequence[Option], named: str, prog: str) -> str:
    """About an option that argparse found to have too many values or too few."""
    (option,) = (one for one in options if one.name in named.split("/"))
    if option.flag:
        return f"{option.name} takes no value; its opposite is --no-{option.name[2:]}."
    count = len(option.types)
    return f"{option.name} needs {'a value' if count == 1 else f'{count} values'}; {_more(prog)}"


def _dest(option: Option) -> str:
    return ".".join(option.path)


def _more(prog: str) -> str:
    return f"{prog} --help lists all options."


def _either(names: Sequence[object]) -> str:
    *most, last = map(str, names)
    return f"{', '.join(most)} or {last}" if most else last
