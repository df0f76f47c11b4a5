"""What --help prints: plain text, filled to the width of the terminal."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import MISSING
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from engines.console.options import Option, help_texts, words_or

MIN_WIDTH, MAX_WIDTH = 40, 100
HELP_COLUMN = 26  # where the help of options begins
MAX_CHOICES_LENGTH = 40  # letters of choices that stand beside the option's name
VALUES: dict[object, str] = {int: "N", float: "X"}


def help_page(prog: str, settings: type, description: str, options: Sequence[Option]) -> str:
    """Usage, description, and the options in groups: a group for each (nested) dataclass."""
    positional = [
        _shown(one) if one.required else f"[{_shown(one)}]" for one in options if one.positional
    ]
    named = [_usage(one) for one in options if one.required and not one.positional]
    usage = textwrap.fill(
        f"usage: {' '.join([prog, *positional, *named, '[options]'])}",
        width(),
        subsequent_indent=" " * len("usage: "),
    )
    groups: list[tuple[str, list[Option]]] = [
        ("Arguments", [one for one in options if one.positional])
    ]
    rest = sorted((one for one in options if not one.positional), key=lambda one: len(one.path) > 1)
    for owner, own in groupby(rest, lambda one: one.owner):
        title = "Options" if owner is settings else (owner.__doc__ or "").strip().rstrip(".")
        groups.append((title, list(own)))
    parts = [usage, *filled(description)]
    parts += [
        "\n".join([f"{title}:", *(_entry(one) for one in own)]) for title, own in groups if own
    ]
    return "\n\n".join([*parts, _row("  -h, --help", "Show this help.")]) + "\n"


def filled(text: str) -> list[str]:
    """The paragraphs of a docstring."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return [textwrap.fill(" ".join(one.split()), width()) for one in paragraphs if one]


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Names, and beside each what it means."""
    return "\n".join(_row(f"  {name}", text) for name, text in rows)


def width() -> int:
    """Columns to fill: lines that are very long are hard to read."""
    return min(max(shutil.get_terminal_size().columns, MIN_WIDTH), MAX_WIDTH)


def _usage(option: Option) -> str:
    """An option that must be there, as its value alone where words by themselves are its own."""
    return f"{option.path[-1].upper()} ..." if option.hints.get("rest") else _shown(option)


def _entry(option: Option) -> str:
    text = _texts(option.owner).get(option.path[-1], "")
    listed = f"One of {', '.join(map(str, option.choices))}." if _many(option) else ""
    short = f"{option.short}, " if option.short else ""
    return _row(f"  {short}{_shown(option)}", " ".join(filter(None, [text, listed, _more(option)])))


def _many(option: Option) -> bool:
    """Whether there are more choices than fit beside the option's name."""
    return sum(map(len, map(str, option.choices))) > MAX_CHOICES_LENGTH


def _row(head: str, text: str) -> str:
    indent = " " * HELP_COLUMN
    lines = textwrap.wrap(
        text, width(), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    if not lines or len(head) > HELP_COLUMN - 2:
        return "\n".join([head, *lines])
    return "\n".join([head.ljust(HELP_COLUMN) + lines[0].lstrip(), *lines[1:]])


def _shown(option: Option) -> str:
    """The option with what it takes."""
    if option.positional:
        return option.name
    if option.flag:
        return option.name if option.default is False else f"--[no-]{option.name[2:]}"
    if named := option.hints.get("metavar"):
        values = str(named)
    elif option.choices and not _many(option):
        values = "|".join(map(str, option.choices))
    else:
        own = option.path[-1].rpartition("_")[2].upper()
        values = " ".join(_value(one, own) for one in option.types)
    more = " ..." if option.hints.get("values") else ""
    return f"{option.name} {values}{more}"


def _value(kind: Any, own: str) -> str:
    """What stands for a value of this type."""
    words, rest = words_or(kind)
    return "|".join(["PATH" if rest is Path else VALUES.get(rest, own), *words])


def _more(option: Option) -> str:
    """What the text leaves out: that an option repeats, and a default that says something (one
    that is off, empty or found out later does not).
    """
    value = option.default
    if option.repeats and not option.hints.get("values"):
        return "Can be repeated."
    if value is MISSING or value is None or value is False or value == ():
        return ""
    if value is True:
        return "On by default."
    values = value if isinstance(value, tuple) else (value,)
    texts = [f"{one:g}" if isinstance(one, float) else str(one) for one in values]
    return f"Default: {' '.join(texts)}."


@cache
def _texts(owner: type) -> dict[str, str]:
    return help_texts(owner)
