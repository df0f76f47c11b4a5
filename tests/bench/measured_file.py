"""engines/measured.toml, written anew where something was measured anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace

from engines.models.measured import FILE, Machine, Measured, measured, measured_on


def updated(found: Iterable[Measured], machine: Machine | None = None) -> None:
    """Put what was found into the file, in place of what it says of the same.

    What was not timed keeps its milliseconds.
    """
    known = {one.key: one for one in measured()}
    for one in found:
        before = known.get(one.key)
        if before is not None and not one.picture_ms:
            one = replace(one, picture_ms=before.picture_ms, person_ms=before.person_ms)
        known[one.key] = one
    lines = ["# Written by python -m tests.bench.accuracy --write and tests.bench.cost --write."]
    lines += ["[machine]", f'processor = "{(machine or measured_on()).processor}"']
    for one in known.values():
        lines += ["", "[[measured]]"]
        lines += [f"{key} = {_toml(value)}" for key, value in asdict(one).items()]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    measured.cache_clear()
    measured_on.cache_clear()


def _toml(value: str | float) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return str(value) if isinstance(value, int) else f"{value:.4f}"
