"""Whoever types OpenPose's flags is told ours."""

from __future__ import annotations

import re

import pytest

from engines.console.arguments import parse
from engines.console.options import options_of
from engines.types.errors import UsageError
from realtime.settings.all import Settings
from realtime.settings.openpose_flags import COUNTERPARTS, HINTS, NO_COUNTERPART

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
