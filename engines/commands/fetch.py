"""Weights, before they are needed."""

from __future__ import annotations

import sys
from typing import Literal

from engines.models.card import Precision, load_card
from engines.models.download import download_bar
from engines.models.weights import locate


def run(model: str, precision: Precision | Literal["auto"]) -> int:
    """Fetch what is not here, then say where it lies."""
    card = load_card(model)
    with download_bar() as bar:
        located = locate(card, precision, progress=bar)
    sys.stdout.write(f"{card.name}, {located.precision}, licence {card.licence}:\n")
    sys.stdout.writelines(f"  {path}\n" for path in located.paths)
    return 0
