"""Model, height and second look together: points on the curve of accuracy over time."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

import numpy as np

from engines.models.card import load_card
from engines.opening import engine_opener
from engines.refining import second_look_opener
from engines.types.errors import EngineError
from engines.types.poses import Poses
from realtime.settings.model import ModelSettings

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


# On 141 COCO photos, INT8: AP 0.350, 0.387 and 0.476 (python -m tests.bench.accuracy).
PRESETS = {
    "fast": Preset("pafnet", 256, "movenet-lightning"),
    "balanced": Preset("human-pose-estimation-0001", 256, "movenet-lightning"),
    "best": Preset("human-pose-estimation-0001", 368, "movenet-thunder"),
}


def with_preset(models: ModelSettings) -> ModelSettings:
    """The settings with those of their preset where the user has named none.

    auto: measured here and now, and said in one line.
    """
    if models.preset is None:
        return replace(models, refine=models.refine or "off")
    name = _measured(models) if models.preset == "auto" else models.preset
    return _applied(models, PRESETS[name])


def _applied(models: ModelSettings, preset: Preset) -> ModelSettings:
    model = models.model or preset.model
    # A height belongs to the model that it was chosen for.
    height = models.height or (preset.height if model == preset.model else None)
    return replace(models, model=model, height=height, refine=models.refine or preset.refine)


def _measured(models: ModelSettings) -> str:
    """The most accurate preset that keeps up with a webcam here."""
    for name in ("best", "balanced"):
        try:
            seconds = _seconds(_applied(models, PRESETS[name]))
        except EngineError as error:
            LOG.warning("Preset %s is left out: %s", name, error)
            continue
        if seconds <= ENOUGH:
            LOG.warning("Preset auto: %s, at %.0f ms a frame with two people.", name, 1e3 * seconds)
            return name
    LOG.warning("Preset auto: fast, as the others do not keep up with a webcam here.")
    return "fast"


def _seconds(models: ModelSettings) -> float:
    """What a frame takes whose people are looked at again."""
    assert models.model is not None
    card = load_card(models.model)
    opener = second_look_opener(models.refine or "off", card)
    estimator = engine_opener(card, models, live=True)()
    second = opener() if opener else None
    picture = np.random.default_rng(0).integers(0, 256, PICTURE, np.uint8)
    keypoints = len(card.skeleton.keypoints)
    xy = np.random.default_rng(1).uniform(50, 430, (PEOPLE, keypoints, 2)).astype(np.float32)
    people = Poses(
        card.skeleton, xy, np.ones((PEOPLE, keypoints), np.float32), np.ones(PEOPLE, np.float32)
    )
    taken = []
    try:
        for _ in range(TURNS + 1):
            began = time.perf_counter()
            estimator.submit([picture])
            estimator.decoder.decode(estimator.result()[0])
            if second is not None:
                second.refine([picture], [people])
            taken.append(time.perf_counter() - began)
    finally:
        estimator.close()
        if second is not None:
            second.close()
    return min(taken[1:])
