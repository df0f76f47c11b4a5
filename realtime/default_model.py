"""The models that run where the user names none."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from functools import cache
from typing import Literal

from engines.decoders.crop_decoder import CropDecoder
from engines.models.bundled import shipped
from engines.models.card import Card, Precision, load_card
from engines.models.download import download_bar
from engines.models.weights import Device, locate
from engines.refining import OWN
from engines.types.errors import CardError, UnreachableError, WeightsError
from realtime.settings.model import ModelSettings
from realtime.types.errors import SettingsError

DEFAULT = "human-pose-estimation-0001"
REFINE = "movenet-lightning"
MORE_ACCURATE = DEFAULT, REFINE  # than what is bundled; they run by default once they are here
LOG = logging.getLogger(__name__)


def usual_model(precision: Precision | Literal["auto"] = "auto", device: Device = "cpu") -> Card:
    """The bundled model, unless the more accurate one is here: nothing is fetched unasked.

    A GPU is fast enough for the more accurate one, and takes no second look: see `obtained_model`.
    """
    own = shipped(precision, device) if device == "cpu" else None
    if own is None or here(DEFAULT, precision):
        return obtained_model(precision, device)
    return own


def obtained_model(precision: Precision | Literal["auto"] = "auto", device: Device = "cpu") -> Card:
    """The more accurate model, its weights for the device fetched where they are not here.

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
        say_instead(card.name, str(error.__cause__).rstrip("."), own.name)
        return own
    return card


def decided(models: ModelSettings, device: Device, *, rig: bool) -> ModelSettings:
    """The same with the model and the crop network that are taken where none is named.

    A GPU takes no second look that nobody asked for, and a rig none but the model's own.
    """
    card = load_card(models.model) if models.model else usual_model(models.precision, device)
    named, refine = models.model or card.name, models.refine
    if refine is None and device == "cpu":
        own_alone = rig or models.model is not None
        refine = (card.refine or None) if own_alone else usual_refine()
    return replace(models, model=named, refine=refine)


def with_needed_refine(models: ModelSettings, asked: ModelSettings) -> ModelSettings:
    """The same with a second look, where a detector or a rule for crowds needs one; asked: as the
    user gave them.

    A model of one person, or thing, looks into a detector's boxes itself. The graph needs a network
    with maps, so where none is named it is the bundled one. SettingsError with `refine` "off".
    """
    graph = models.crowd == "graph"
    if models.detector is None and not graph:
        return models
    if asked.refine == "off":
        what = "--crowd graph compares the crops of" if graph else "--detector finds boxes for"
        raise SettingsError(f"{what} --refine; leave out --refine off.")
    if asked.refine is not None:
        return models
    if models.model is not None and isinstance(load_card(models.model).decoder, CropDecoder):
        own = models.model if models.detector is not None else models.refine
        return replace(models, refine=own)
    if graph:
        return replace(models, refine=OWN)
    return models if models.refine not in (None, "off") else replace(models, refine="auto")


@cache  # once a process, however many sources it runs
def say_bundled() -> None:
    """One line about what runs where nothing was fetched."""
    sys.stderr.write(
        "posestream: the bundled models run; more accurate ones take their place after "
        "posestream models fetch\n"
    )


@cache  # once a process, however many models a program makes
def say_instead(wanted: str, why: str, own: str) -> None:
    """The sentence about the bundled model."""
    LOG.warning(
        "The weights of %s cannot be downloaded (%s). The bundled %s runs instead, which is less "
        "accurate. To choose it without this message, add --model %s (in Python: model=%r).",
        *(wanted, why, own, own, own),
    )


def here(model: str, precision: Precision | Literal["auto"] = "auto") -> bool:
    """Whether a model's weights need no download; for the CPU."""
    try:
        locate(load_card(model), precision, download=False)
    except (CardError, WeightsError):
        return False
    return True


def usual_refine() -> str:
    """The crop network of a second look: the bundled one where the more accurate one is not here,
    and "off" where neither is.
    """
    return next((one for one in (REFINE, OWN) if here(one)), "off")
