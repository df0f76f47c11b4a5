"""Whoever types OpenPose's flags is told ours."""

from __future__ import annotations

import re

import pytest

from engines.console.arguments import parse
from engines.console.options import options_of
from engines.types.errors import UsageError
from realtime.settings.all import Settings
from realtime.settings.openpose_flags import COUNTERPARTS, HINTS, NO_COUNTERPART
from tests.conftest import ROOT

OURS = {option.name for option in options_of(Settings)}


def test_a_flag_has_a_counterpart_or_none() -> None:
    assert not {*COUNTERPARTS} & {*NO_COUNTERPART}


def test_every_counterpart_is_an_option() -> None:
    named = {name for text in COUNTERPARTS.values() for name in re.findall(r"--[a-z][\w-]*", text)}
    assert {name.replace("--no-", "--") for name in named} <= OURS


@pytest.mark.parametrize("flag", HINTS)
def test_every_flag_is_explained_whichever_way_it_is_written(flag: str) -> None:
    words = [f"--{flag}", f"--{flag}=1", f"--{flag.replace('_', '-')}"]
    if not flag[0].isdigit():  # else it is a negative number
        words.append(f"-{flag}")
    for word in words:
        with pytest.raises(UsageError) as error:
            parse(Settings, "prog", words=["--source", "a", word], foreign=HINTS)
        assert str(error.value) == HINTS[flag]


def test_a_flag_that_is_named_the_same_does_the_same() -> None:
    """--part_candidates is OpenPose's and ours."""
    words = ["--source", "a", "--json", "out", "--part_candidates"]
    assert parse(Settings, "prog", words=words, foreign=HINTS).files.part_candidates


def test_the_page_of_flags_names_each_once_and_options_that_there_are() -> None:
    """A flag that is called the same here has no hint, so the page may have more than those."""
    text = (ROOT / "docs" / "openpose-flags.md").read_text(encoding="utf-8")
    rows = [row.split("|") for row in text.splitlines() if row.startswith("| `")]
    flags = [flag for row in rows for flag in re.findall(r"`([\w]+)`", row[1])]
    assert len(set(flags)) == len(flags)
    assert {*HINTS} <= {*flags}
    same = {flag for flag in flags if f"--{flag.replace('_', '-')}" in OURS}
    assert {*flags} - {*HINTS} <= same
    named = {name for row in rows for cell in row[2:] for name in re.findall(r"--[\w-]+", cell)}
    assert named <= OURS
    for _, cell, ours, verdict, *_ in rows:
        assert verdict.strip() in ("equal", "better", "no"), cell
        assert ours.strip() or verdict.strip() == "no", cell
