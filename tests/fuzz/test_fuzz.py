"""A slice of the fuzzing, and that it finds what there is to find."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.fuzz.__main__ import main, module
from tests.fuzz.kinds import KINDS
from tests.fuzz.watch import Tally, hunt
from tests.fuzz.worker import draw_case

SLICE = {"streams": 8, "commands": 20, "videos": 80}
COUNT = 50  # of every other kind
SEED = 2026
PATIENCE = 20.0


@pytest.mark.slow
def test_a_slice_of_every_kind_finds_nothing() -> None:
    jobs = [(module(kind), range(SLICE.get(kind, COUNT))) for kind in KINDS]
    tallies = hunt(jobs, SEED, patience=PATIENCE)
    found = [
        f"--seed {SEED} --only {tally.kind} --case {case}: {what}"
        for tally in tallies.values()
        for case, what, _ in tally.findings
    ]
    assert found == []
    for kind, tally in zip(KINDS, tallies.values(), strict=True):
        assert tally.cases == SLICE.get(kind, COUNT)
        assert tally.accepted, f"{kind}: nothing that is damaged so badly tests much"


def test_a_case_is_the_same_whenever_it_is_run() -> None:
    assert draw_case(1, "a", 2).randbytes(9) == draw_case(1, "a", 2).randbytes(9)
    assert draw_case(1, "a", 2).randbytes(9) != draw_case(1, "a", 3).randbytes(9)


def toys(monkeypatch: pytest.MonkeyPatch, plan: str, count: int) -> Tally:
    monkeypatch.setenv("TOYS", plan)
    patience = 1.0 if "hang" in plan else PATIENCE
    (tally,) = hunt([("tests.fuzz.toys", range(count))], 0, 1, patience=patience).values()
    return tally


def said(tally: Tally) -> Sequence[str]:
    return [what for _, what, _ in tally.findings]


def test_well_behaved_programs_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = toys(monkeypatch, "accept refuse speak", 9)
    assert (tally.accepted, tally.refused, tally.findings) == (6, 3, [])


def test_what_goes_wrong_in_python_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = toys(monkeypatch, "raise print exit gabble accept", 5)
    assert [case for case, _, _ in tally.findings] == [0, 1, 2, 3]
    assert "ZeroDivisionError: by nought" in said(tally)[0]
    assert "lib: warning" in said(tally)[1]
    assert "SystemExit" in said(tally)[2]
    assert "no sentence" in said(tally)[3]
    assert tally.accepted == 1


@pytest.mark.parametrize(("what", "seen"), [("hang", "no end after 1 s"), ("crash", "SIGABRT")])
def test_what_takes_the_process_down_is_found_and_the_rest_goes_on(
    what: str, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = toys(monkeypatch, f"accept {what}", 2)
    ((case, sentence, details),) = tally.findings
    assert case == 1
    assert seen in sentence
    assert "toys.py" in details, "where it was"
    assert tally.accepted == 1


@pytest.mark.parametrize(("what", "seen"), [("memory", "MiB"), ("file", "open files")])
def test_growth_is_found(what: str, seen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tally = toys(monkeypatch, what, 12)
    assert any(f"grows: {seen}" in sentence for sentence in said(tally))


def test_the_table_and_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["fuzz", "--inputs", "30", "--only", "cards", "rigs"])
    assert main() == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["kind", "cases", "accepted", "refused"]
    assert [row.split()[0] for row in rows] == ["cards", "rigs", "all"]
    assert int(rows[-1].split()[1]) >= 30
