"""Names that the files of an output have, before any of them is there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

from calibration.disk.same_file import fold


@dataclass(frozen=True, slots=True)
class Names:
    """Names of files: one, or with `after` all that begin and end so."""

    before: str
    after: str | None = None

    def meet(self, other: Names) -> bool:
        """Whether a name can be one of both."""
        if self.after is None:
            return other.hold(self.before)
        if other.after is None:
            return self.hold(other.before)
        ends = fold(self.after), fold(other.after)
        begins = fold(self.before), fold(other.before)
        return (ends[0].endswith(ends[1]) or ends[1].endswith(ends[0])) and (
            begins[0].startswith(begins[1]) or begins[1].startswith(begins[0])
        )

    def hold(self, name: str) -> bool:
        """Whether a name is one of them."""
        if self.after is None:
            return fold(name) == fold(self.before)
        before, after = fold(self.before), fold(self.after)
        long = len(name) >= len(before) + len(after)
        return long and fold(name).startswith(before) and fold(name).endswith(after)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of what `str` gives; a single name that holds a # is taken for two halves."""
        before, several, after = text.partition("#")
        return cls(before, after if several else None)

    def __str__(self) -> str:
        return self.before if self.after is None else f"{self.before}#{self.after}"

    @property
    def ending(self) -> str:
        """What stands behind the last dot, with it, in lower case."""
        last = self.before if self.after is None else self.after
        return os.path.splitext(f"x{last}")[1].lower()
