"""The line that says what a command is doing: on terminals alone."""

from __future__ import annotations

import os
import select
import sys

import pytest

from engines.console.status_line import working


def test_it_is_said_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with working("looking for people") as tell:
            tell("looking for people, instant 12")
        said = ""
        while "instant 12" not in said and select.select([reader], [], [], 10)[0]:
            said += os.read(reader, 65536).decode()  # a terminal passes on what it has so far
    os.close(reader)
    assert "looking for people" in said
    assert "instant 12" in said


def test_nobody_is_told_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with working("looking for people") as tell:
        tell("more")
    assert capsys.readouterr() == ("", "")
