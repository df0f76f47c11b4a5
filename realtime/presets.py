"""Model, height and second look together: points on the curve of accuracy over time."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from engines.models.card import Card, load_card
from engines.nvidia.open import choose
from engines.opening import engine_opener
from engines.refining import second_look_opener
from engines.types.errors import DeviceError
from engines.types.poses import Poses
from realtime.default_model import DEFAULT, obtained_model
from realtime.settings.model import ModelSettings

PresetName = Literal["fast", "balanced", "best"]
LOG = logging.getLogger(__name__)
PICTURE = (480, 640, 3)
PEOPLE = 2  # to look at again, when a preset is measured
ENOUGH = 0.045  # seconds a frame: what a webcam's 30 fps leave when a few frames may be dropped
TURNS = 3  # frames that are measured, after one that warms up


@dataclass(frozen=True, slots=True)
class Preset:
    """What a preset stands for."""

    model: str
    height: int
    refine: str


# Points on the curve of accuracy over time (docs/accuracy.svg, python -m tests.bench.curve).
PRESETS: dict[PresetName, Preset] = {
    "fast": Preset("pafnet", 256, "movenet-lightning"),
    "balanced": Preset("pafnet", 368, "movenet-thunder"),
    "best": Preset("human-pose-estimation-0001", 368, "movenet-thunder"),
}


def with_preset(models: ModelSettings) -> ModelSettings:
    """The settings with those of their preset where the user has named none.

    auto: measured here and now, and said in one line; `preset` is the one that was taken. What a
    preset needs and cannot be fetched is left out, and one sentence says so: the bundled model
    takes the place of the usual one, and the bundled crop network that of a better one.
    UnreachableError for what the user has named.
    """
    if models.preset is None:
        return models
    applied = _Applied(models)
    if models.preset != "auto":
        return applied(models.preset)
    for name in ("best", "balanced"):
        wanted = applied(name)
        try:
            seconds = _seconds(wanted)
        except DeviceError as error:
            LOG.warning("Preset %s is left out: %s", name, error)
            continue
        if seconds <= ENOUGH:
            LOG.warning("Preset auto: %s, at %.0f ms a frame with two people.", name, 1e3 * seconds)
            return wanted
    LOG.warning("Preset auto: fast, as the others do not keep up with a webcam here.")
    return applied("fast")


class _Applied:
    """Presets on a user's settings, by name. What cannot be fetched is asked for once."""

    def __init__(self, models: ModelSettings) -> None:
        self._models = models
        self._usual: str | None = None
        self._refine: dict[str, str] = {}

    def __call__(self, name: PresetName) -> ModelSettings:
        models, preset = self._models, PRESETS[name]
        model = models.model or self._obtainable(preset.model)
        # A height belongs to the model that it was chosen for.
        height = models.height or (preset.height if model == preset.model else None)
        refine = models.refine or self._refined(preset.refine, load_card(model))
        return replace(models, model=model, height=height, refine=refine, preset=name)

    def _obtainable(self, model: str) -> str:
        if model != DEFAULT:
            return model
        if self._usual is None:
            device = choose(self._models.device, self._models.gpus)
            self._usual = obtained_model(self._models.precision, device).name
        return self._usual

    def _refined(self, refine: str, first: Card) -> str:
        if refine not in self._refine:
            there = second_look_opener(refine, first, needed=False)
            self._refine[refine] = "off" if there is None else there.model
        return self._refine[refine]


def _seconds(models: ModelSettings) -> float:
    """What a frame takes whose people are looked at again."""
    assert models.model is not None
    card = load_card(models.model)
    opener = second_look_opener(models.refine or "off", card)
    picture = np.random.default_rng(0).integers(0, 256, PICTURE, np.uint8)
    keypoints = len(card.skeleton.keypoints)
    xy = np.random.default_rng(1).uniform(50, 430, (PEOPLE, keypoints, 2)).astype(np.float32)
    people = Poses(
        card.skeleton, xy, np.ones((PEOPLE, keypoints), np.float32), np.ones(PEOPLE, np.float32)
    )
    taken = []
    with ExitStack() as stack:
        estimator = stack.enter_context(closing(engine_opener(card, models, live=True)()))
        second = stack.enter_context(closing(opener())) if opener else None
        for _ in range(TURNS + 1):
            began = time.perf_counter()
            estimator.submit([picture])
            estimator.decoder.decode(estimator.result()[0])
            if second is not None:
                second.refine([picture], [people])
            taken.append(time.perf_counter() - began)
    return min(taken[1:])
