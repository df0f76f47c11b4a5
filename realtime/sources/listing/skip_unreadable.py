"""A pile of files of which some may be broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from realtime.types.errors import SourceError

Entry = TypeVar("Entry")
Content = TypeVar("Content")

MAX_NAMED = 3  # broken files that are named; the others are counted


def readable(
    entries: Sequence[Entry], read: Callable[[Entry], Content], what: str, notes: list[str]
) -> Iterator[tuple[Entry, Content]]:
    """Each entry with its content, in order; the broken ones are skipped, with a note.

    read: raises SourceError where an entry is broken. what: they are, in the plural.
    SourceError at the end where every one is broken.
    """
    broken: list[SourceError] = []

    def report() -> str:
        said = " ".join(str(error) for error in broken[:MAX_NAMED])
        more = f" And {len(broken) - MAX_NAMED} more." if len(broken) > MAX_NAMED else ""
        return f"Skipped {len(broken)} of {len(entries)} {what}: {said}{more}"

    try:
        for entry in entries:
            try:
                content = read(entry)
            except SourceError as error:
                broken.append(error)
                continue
            yield entry, content
    finally:
        if 0 < len(broken) < len(entries):
            notes.append(report())
    if len(broken) == len(entries):
        raise broken[0] if len(broken) == 1 else SourceError(report())
