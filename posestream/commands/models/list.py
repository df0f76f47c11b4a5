"""All models that the package knows."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from engines.models.card import card_names, load_card
from engines.models.trust import with_trusted
from engines.models.weights import Search


@dataclass(frozen=True)
class Options:
    """List all models with their licence, skeleton and weights on this machine."""


def run(_: Options) -> int:
    """One line a model."""
    rows = [("model", "licence", "skeleton", "weights here", "title")]
    for card in map(with_trusted, map(load_card, card_names())):
        search = Search(card)
        here = [name for form in card.weights if search.find_all(form) for name in form.precision]
        known = ", ".join(dict.fromkeys(here)) or "none"
        rows.append((card.name, card.licence, card.skeleton.name, known, card.title))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    return 0
