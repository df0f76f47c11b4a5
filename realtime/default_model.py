"""The model that runs where the user names none."""

from __future__ import annotations

import logging
from typing import Literal

from engines.models.bundled import shipped
from engines.models.card import Card, Precision, load_card
from engines.models.download import download_bar
from engines.models.weights import Device, locate
from engines.types.errors import UnreachableError

DEFAULT = "human-pose-estimation-0001"
LOG = logging.getLogger(__name__)


def usual_model(precision: Precision | Literal["auto"] = "auto", device: Device = "cpu") -> Card:
    """The default, its weights for the device fetched where they are not here.

    Where they cannot be downloaded: the bundled model, with a warning;
    WeightsError if there is none.
    """
    card = load_card(DEFAULT)
    try:
        with download_bar() as progress:
            locate(card, precision, device=device, progress=progress)
    except UnreachableError as error:
        own = shipped(precision, device)
        if own is None:
            raise
        LOG.warning(
            "The weights of %s cannot be downloaded (%s). The bundled %s runs instead, which is "
            "less accurate.",
            *(card.name, str(error.__cause__).rstrip("."), own.name),
        )
        return own
    return card
