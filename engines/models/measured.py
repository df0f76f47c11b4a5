"""What was measured of models and of second looks with them: the one place where figures stand.

engines/measured.toml is written by `python -m tests.bench.accuracy --write` and
`python -m tests.bench.cost --write`; commands, README and docs say what it says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engines.models.card import Card, load_card
from engines.types.errors import CardError
from engines.types.toml_tables import build, table, tables

UNMEASURED_CROP_COST = 0.5  # in looks at whole pictures: that of the smallest pair measured
FILE = Path(__file__).parents[1] / "measured.toml"


@dataclass(frozen=True, slots=True)
class Machine:
    """What the milliseconds belong to."""

    processor: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A model, and what looks again at its people.

    height: 0 = the model's default. refine: a crop network's name; empty = none.
    ap, ap50, ar: OKS average precision and recall on 141 COCO photos. precision_at_half: at recall
    0.5 and OKS 0.5. false_people: a photo.
    picture_ms: processor time of a picture of 1280x720 without a second look, on one core.
    person_ms: of one person's crop. 0 = not measured.
    """

    model: str
    precision: str
    height: int
    refine: str
    ap: float
    ap50: float
    ar: float
    precision_at_half: float
    false_people: float
    picture_ms: float = 0.0
    person_ms: float = 0.0

    @property
    def name(self) -> str:
        """In words."""
        height = f"height {self.height}" if self.height else "default height"
        return f"{self.model}{f' + {self.refine}' if self.refine else ''}, {self.form}, {height}"

    @property
    def form(self) -> str:
        """Its precision as texts have it."""
        return self.precision.upper() if self.precision == "int8" else self.precision

    def ms(self, people: int) -> float:
        """Of a picture with so many people; 0 = not measured."""
        if not self.picture_ms or (self.refine and not self.person_ms):
            return 0.0
        return self.picture_ms + people * self.person_ms

    @property
    def key(self) -> tuple[str, str, int, str]:
        return self.model, self.precision, self.height, self.refine


@cache
def measured() -> tuple[Measured, ...]:
    """All that was measured, in the file's order."""
    return tuple(
        build(Measured, "measured", one) for one in tables("measured", _read()["measured"])
    )


@cache
def measured_on() -> Machine:
    """The machine of the milliseconds."""
    return build(Machine, "machine", table("machine", _read()["machine"]))


def of(model: str) -> list[Measured]:
    """What was measured with this model, first or second."""
    return [one for one in measured() if model in (one.model, one.refine)]


def crop_cost(first: str, refine: str, height: int | None = None) -> float:
    """What a look at one person costs, in looks at whole pictures by the first model.

    height: of the first model's input; of those that were measured the nearest counts.
    """
    rows = [one for one in measured() if (one.model, one.refine) == (first, refine)]
    rows = [one for one in rows if one.picture_ms and one.person_ms]
    if not rows:
        return UNMEASURED_CROP_COST
    near = min(rows, key=lambda one: (abs(one.height - (height or 0)), one.picture_ms))
    return near.person_ms / near.picture_ms


def cards_of(one: Measured) -> list[Card]:
    """The card of the model, and that of what looks again."""
    return [load_card(name) for name in (one.model, one.refine) if name]


def size_of(card: Card, precision: str) -> int:
    """Bytes of the files that serve a precision; 0 where nobody has stated their size."""
    serving = [form for form in card.weights if precision in form.precision] or card.weights[:1]
    return sum(file.size for form in serving[:1] for file in form.files)


def rows_of(several: Iterable[Measured]) -> list[tuple[str, ...]]:
    """A table, its head first: what it is, AP, milliseconds, licence and size."""
    head = ("model", "second look", "precision", "height", "AP", "ms, with 1, 4 people")
    rows: list[tuple[str, ...]] = [(*head, "licence", "size")]
    for one in several:
        cards = cards_of(one)
        licences = dict.fromkeys(card.licence for card in cards)
        sizes = [size_of(card, one.precision) for card in cards]
        times = [one.ms(people) for people in ((0, 1, 4) if one.refine else (0,))]
        rows.append(
            (
                *(one.model, one.refine or "none", one.form, str(one.height or "default")),
                f"{one.ap:.3f}",
                ", ".join(f"{ms:.0f}" if ms >= 10 else f"{ms:.1f}" for ms in times if ms) or "?",
                *(", ".join(licences), megabytes(sum(sizes))),
            )
        )
    return rows


def aligned(rows: Sequence[tuple[str, ...]], indent: int = 0) -> list[str]:
    """The rows as lines of text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        " " * indent
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _read() -> dict[str, object]:
    try:
        return tomllib.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CardError(f"{FILE.name} cannot be read: {error}") from error
