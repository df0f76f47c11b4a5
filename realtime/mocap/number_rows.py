"""Tables of numbers as text, a part at a time: Python's own numbers take ten times the memory."""

from __future__ import annotations

from collections.abc import Iterator

from engines.types.arrays import Doubles

PART = 1024  # rows


def number_rows(row: str, table: Doubles) -> Iterator[bytes]:
    """A line for each row of a table. row: its format, for %."""
    for at in range(0, len(table), PART):
        lines = [row % tuple(one) for one in table[at : at + PART].tolist()]
        yield "".join(f"{line}\n" for line in lines).encode()
