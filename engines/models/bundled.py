"""Models whose weights come with the program."""

from __future__ import annotations

from typing import Literal

from engines.decoders.crop_decoder import CropDecoder
from engines.models import places, weights
from engines.models.card import Card, Precision, card_names, load_card
from engines.types.errors import WeightsError


def shipped(
    precision: Precision | Literal["auto"] = "auto", device: weights.Device = "cpu"
) -> Card | None:
    """A model of whole pictures that serves the precision from files within the package, or None.

    No name is known here: a card becomes one of these by the files that lie beside it.
    """
    for card in map(load_card, card_names()):
        if isinstance(card.decoder, CropDecoder):
            continue
        try:
            paths = weights.locate(card, precision, device=device, download=False).paths
        except WeightsError:
            continue
        if {path.parent for path in paths} <= {card.folder, places.PACKAGE}:
            return card
    return None
