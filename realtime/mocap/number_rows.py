"""Tables of numbers as text, a part at a time: Python's own numbers take ten times the memory."""

from __future__ import annotations

from engines.types.arrays import Doubles

PART = 4096  # rows


def number_rows(row: str, table: Doubles) -> bytes:
    """A line for each row of a table. row: its format, for %."""
    parts = []
    for at in range(0, len(table), PART):
        lines = [row % tuple(one) for one in table[at : at + PART].tolist()]
        parts.append("".join(f"{line}\n" for line in lines).encode())
    return b"".join(parts)
