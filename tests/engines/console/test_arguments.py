"""Command lines that mean something are parsed, all others are refused in one sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from engines.console.arguments import parse
from engines.types.errors import UsageError


@dataclass(frozen=True, slots=True)
class Inner:
    """How many of them."""

    many: int = 1
    """How many."""
    fast: bool = False

    def __post_init__(self) -> None:
        if self.many < 0:
            raise UsageError("--many must be 0 or more.")


@dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    slow: bool = True


@dataclass(frozen=True)
class Settings:
    """What it is for."""

    name: str
    kind: Literal["good", "bad", "ugly"] = "good"
    turn: Literal[0, 90] = 0
    wide_one: float | None = None
    place: Path | None = None
    also: tuple[str, ...] = ()
    heights: tuple[int, ...] = field(default=(1, 2), metadata={"values": True})
    between: tuple[str, str, float] | None = None
    outer: Outer = field(default_factory=Outer)


@dataclass(frozen=True)
class Copy:
    old: Path = field(metadata={"positional": True})
    new: Path = field(metadata={"positional": True})
    size: int = 1


def settings(words: str) -> Settings:
    return parse(Settings, "prog", words=words.split())


def test_defaults_stay_where_nothing_is_said() -> None:
    assert settings("--name a") == Settings("a")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("--wide-one 0.5", Settings("a", wide_one=0.5)),
        ("--wide-one=0.5", Settings("a", wide_one=0.5)),
        ("--wide_one 0.5", Settings("a", wide_one=0.5)),
        ("--wide-one -1", Settings("a", wide_one=-1)),
        ("--wide-one -.5", Settings("a", wide_one=-0.5)),
        ("--wide-one -1e-3", Settings("a", wide_one=-1e-3)),
        ("--wide-one=-1e-3", Settings("a", wide_one=-1e-3)),
        ("--wide-one 1 --wide-one 2", Settings("a", wide_one=2)),
        ("--kind ugly --turn 90", Settings("a", "ugly", 90)),
        ("--place here/there", Settings("a", place=Path("here/there"))),
        ("--place=--odd", Settings("a", place=Path("--odd"))),
        ("--place -", Settings("a", place=Path("-"))),
        ("--also b --name a --also c", Settings("a", also=("b", "c"))),
        ("--also b=c --also=b=c", Settings("a", also=("b=c", "b=c"))),
        ("--heights 3 4 --heights 5", Settings("a", heights=(3, 4, 5))),
        ("--between b c -2.5", Settings("a", between=("b", "c", -2.5))),
        ("--many 3", Settings("a", outer=Outer(Inner(3)))),
        ("--fast --no-slow", Settings("a", outer=Outer(Inner(fast=True), slow=False))),
        ("--fast --no-fast --no-slow --slow", Settings("a")),
        ("--name b", Settings("b")),
        ("--", Settings("a")),
    ],
)
def test_what_is_right_is_parsed(words: str, wanted: Settings) -> None:
    assert settings(f"--name a {words}") == wanted


def test_a_value_of_several_words_and_an_empty_one() -> None:
    assert parse(Settings, "prog", words=["--name", "-a b", "--also", ""]) == Settings(
        "-a b", also=("",)
    )


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("a b", Copy(Path("a"), Path("b"))),
        ("a --size 2 b", Copy(Path("a"), Path("b"), 2)),
        ("--size -2 a b", Copy(Path("a"), Path("b"), -2)),
        ("--size 2 -- -a --b", Copy(Path("-a"), Path("--b"), 2)),
    ],
)
def test_positionals_stand_anywhere(words: str, wanted: Copy) -> None:
    assert parse(Copy, "prog", words=words.split()) == wanted


ALL = "prog --help lists all options."


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", f"--name is required; {ALL}"),
        ("--mny 3", "There is no option --mny; did you mean --many?"),
        ("--wid_one 3", "There is no option --wid_one; did you mean --wide-one?"),
        ("--wide=3", "There is no option --wide; did you mean --wide-one?"),
        ("--slo", "There is no option --slo; did you mean --slow?"),
        ("--xyzzy", f"There is no option --xyzzy; {ALL}"),
        ("-x", f"There is no option -x; {ALL}"),
        ("--name a xyzzy", "'xyzzy' follows no option; did you mean --name xyzzy?"),
        ("--name a --many x", "--many must be a whole number, not 'x'."),
        ("--name a --many 1.5", "--many must be a whole number, not '1.5'."),
        ("--name a --wide-one x", "--wide-one must be a number, not 'x'."),
        ("--name a --wide-one=", "--wide-one must be a number, not ''."),
        ("--name a --many -1", "--many must be 0 or more."),
        ("--name a --kind nice", "--kind must be good, bad or ugly, not 'nice'."),
        ("--name a --turn 45", "--turn must be 0 or 90, not '45'."),
        ("--name", f"--name needs a value; {ALL}"),
        ("--name --many 3", f"--name needs a value; {ALL}"),
        ("--name a --many --", f"--many needs a value; {ALL}"),
        ("--name a --heights", f"--heights needs a value; {ALL}"),
        ("--name a --between b c", f"--between needs 3 values; {ALL}"),
        ("--name a --between b c d", "--between must be a number, not 'd'."),
        ("--name a --fast=yes", "--fast takes no value; its opposite is --no-fast."),
        ("--name a --no-fast=yes", "--fast takes no value; its opposite is --no-fast."),
        ("--foreign_one x", "Theirs is --name here."),
        ("-foreign_one=x", "Theirs is --name here."),
    ],
)
def test_what_is_wrong_is_one_sentence(
    words: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError) as error:
        parse(
            Settings,
            "prog",
            words=words.split(),
            foreign={"foreign_one": "Theirs is --name here."},
        )
    assert str(error.value) == says
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", f"OLD and NEW are required; {ALL}"),
        ("a", f"NEW is required; {ALL}"),
        ("a b c", f"'c' follows no option; {ALL}"),
        ("a --siz 2", "There is no option --siz; did you mean --size?"),
    ],
)
def test_wrong_positionals_are_one_sentence(words: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(Copy, "prog", words=words.split())
    assert str(error.value) == says


@dataclass(frozen=True)
class Broken:
    size: int = 1

    def __post_init__(self) -> None:
        raise ValueError("a defect")


def test_a_defect_of_settings_is_no_users_mistake() -> None:
    with pytest.raises(ValueError, match="a defect"):
        parse(Broken, "prog", words=[])


@pytest.mark.parametrize("words", ["--help", "-h", "--name a --help", "--help x"])
def test_help_ends_well_whatever_else_is_said(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        settings(words)
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("usage: prog --name NAME [options]\n")
