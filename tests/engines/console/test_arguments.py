"""Command lines that mean nothing are refused in one sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest

from engines.console.arguments import parse
from engines.types.errors import UsageError


@dataclass(frozen=True)
class Inner:
    many: int = 1
    """How many."""

    def __post_init__(self) -> None:
        if self.many < 0:
            raise ValueError("--many must be 0 or more.")


@dataclass(frozen=True)
class Settings:
    name: str
    """What it is called, so that one knows it from others that are much the same but for
    (parenthesis) this, and
    that."""
    kind: Literal["good", "bad"] = "good"
    wide_one: float = 1.0
    inner: Inner = field(default_factory=Inner)


def test_what_is_right_is_parsed() -> None:
    found = parse(Settings, "prog", words=["--name", "a", "--many", "3", "--wide-one", "0.5"])
    assert found == Settings("a", wide_one=0.5, inner=Inner(3))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "--name must be given; prog --help lists all options."),
        ("--name a --mny 3", "'--mny' is not understood; did you mean --many?"),
        ("--naem a", "'--naem' is not understood; did you mean --name?"),
        ("--name a xyzzy", "'xyzzy' is not understood; prog --help lists all options."),
        ("--name a --many x", "--many: 'x' is no whole number; prog --help lists all options."),
        ("--name a --wide-one x", "--wide-one: 'x' is no number; prog --help lists all options."),
        ("--name a --many -1", "--many must be 0 or more."),
        ("--name a --kind ugly", "--kind 'ugly' cannot be; there are good, bad."),
        ("--name", "--name needs a value; prog --help lists all options."),
    ],
)
def test_what_is_wrong_is_one_sentence(
    words: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError) as error:
        parse(Settings, "prog", words=words.split())
    assert str(error.value) == says
    assert capsys.readouterr() == ("", "")


def test_help_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(Settings, "prog", "What it does.", ["--help"])
    assert end.value.code == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "but for (parenthesis) this, and that." in said


def test_lines_of_help_are_filled(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        parse(Settings, "prog", words=["--help"])
    assert "much the same but for (parenthesis) this, and that." in capsys.readouterr().out
