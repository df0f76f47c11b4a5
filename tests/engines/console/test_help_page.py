"""Help as a user sees it: what is there, in which lines, and that a reader may leave early."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Literal

import pytest

from engines.console.arguments import parse
from posestream.commands.calibrate.main import COMMANDS as calibration
from posestream.commands.calibrate.main import main as calibration_main
from posestream.commands.models.main import COMMANDS as engines
from posestream.commands.models.main import main as engines_main
from realtime.settings.all import Settings as Run
from tests.conftest import ROOT

COMMANDS = {
    "run": Run,
    **{
        f"{package} {name}": import_module(f"posestream.commands.{folder}.{name}").Options
        for package, folder, names in (
            ("engines", "models", engines),
            ("calibration", "calibrate", calibration),
        )
        for name in names
    },
}


@dataclass(frozen=True)
class Inner:
    """How many of them."""

    many: int = 7
    """How many, so that one knows it from others that are much the same but for (parenthesis)
    this, and
    that."""
    serve: str | None = field(default=None, metadata={"metavar": "[HOST:]PORT"})
    """Where."""


@dataclass(frozen=True)
class Settings:
    """What it is for.

    More about
    it.
    """

    old: Path = field(metadata={"positional": True})
    """What to read."""
    name: tuple[str, ...]
    """Its name."""
    kind: Literal["good", "bad"] = "good"
    """Its kind."""
    speed: float = 60.0
    fast: bool = False
    """Hurry."""
    track: bool = True
    """Follow."""
    show: bool = field(default_factory=bool)
    """Show."""
    place: Path | None = None
    """Its place."""
    heights: tuple[int, ...] = field(default=(1, 2), metadata={"values": True})
    """Heights."""
    inner: Inner = field(default_factory=Inner)


def page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int = 80
) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit) as end:
        parse(Settings, "prog", words=["--help"])
    assert end.value.code == 0
    return capsys.readouterr().out


def test_the_whole_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page(capsys, monkeypatch) == (
        "usage: prog OLD --name NAME [options]\n\n"
        "What it is for.\n\n"
        "More about it.\n\n"
        "Arguments:\n"
        "  OLD                     What to read.\n\n"
        "Options:\n"
        "  --name NAME             Its name. Can be repeated.\n"
        "  --kind good|bad         Its kind. Default: good.\n"
        "  --speed X               Default: 60.\n"
        "  --fast                  Hurry.\n"
        "  --[no-]track            Follow. On by default.\n"
        "  --[no-]show             Show.\n"
        "  --place PATH            Its place.\n"
        "  --heights N ...         Heights. Default: 1 2.\n\n"
        "How many of them:\n"
        "  --many N                How many, so that one knows it from others that are\n"
        "                          much the same but for (parenthesis) this, and that.\n"
        "                          Default: 7.\n"
        "  --serve [HOST:]PORT     Where.\n\n"
        "  -h, --help              Show this help.\n"
    )


@pytest.mark.parametrize(("columns", "widest"), [(80, 80), (100, 100), (300, 100), (1, 80)])
def test_lines_are_filled_to_the_terminal_but_not_without_end(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    widest: int,
) -> None:
    lines = page(capsys, monkeypatch, columns).splitlines()
    assert max(map(len, lines)) <= widest


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_fits_and_is_clean(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("FORCE_COLOR", "1")  # NO_COLOR asks for nothing: there is no colour
    with pytest.raises(SystemExit):
        parse(COMMANDS[name], f"python -m {name}", words=["--help"])
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert max(map(len, lines)) <= columns
    for noise in ("None", "\x1b", "\\n", "SUPPRESS", "MISSING", "factory"):
        assert noise not in said
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("  ") and not line.startswith("   "):  # an option: text beside or below
            assert re.search(r"\S {2,}\S", line) or below.startswith(" " * 10), line


@pytest.mark.parametrize("main", [engines_main, calibration_main])
def test_programs_of_several_commands_list_them(
    main: Callable[[Sequence[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    names = engines if main is engines_main else calibration
    for name in names:
        assert re.search(rf"^  {name} +[A-Z]", said, re.MULTILINE)
    assert main(["chek" if main is calibration_main else "benhc"]) == 2
    assert "did you mean check?" in (said := capsys.readouterr().err) or "bench?" in said
    assert main([]) == 2
    assert "A command is required: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "program", [["run.py"], ["-m", "engines"], ["-m", "calibration", "check"]], ids=" ".join
)
def test_a_reader_that_has_seen_enough_is_no_error(program: list[str]) -> None:
    """The pipe has no reader from the start, which is what `| head` comes to."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        done = subprocess.run(
            [sys.executable, *program, "--help"],
            cwd=ROOT,
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_parser_is_light() -> None:
    """It is the first thing that every command loads."""
    code = (
        "import sys, engines.console.subcommands, engines.console.arguments\n"
        "print({'rich', 'numpy', 'cv2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "set()\n"
