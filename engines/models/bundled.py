"""Models whose weights come with the program."""

from __future__ import annotations

from typing import Literal

from engines.models import places, weights
from engines.models.card import Card, Precision, card_names, load_card
from engines.types.errors import WeightsError


def shipped(
    precision: Precision | Literal["auto"] = "auto", device: weights.Device = "cpu"
) -> Card | None:
    """A model that serves the precision from files within the package; None if there is none.

    No name is known here: a card becomes one of these by the files that lie beside it.
    """
    for card in map(load_card, card_names()):
        try:
            paths = weights.locate(card, precision, device=device, download=False).paths
        except WeightsError:
            continue
        if {path.parent for path in paths} <= {card.folder, places.PACKAGE}:
            return card
    return None
