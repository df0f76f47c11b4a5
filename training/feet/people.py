"""Who has feet in the photos, as `--model pafnet --feet` finds them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engines.estimator import open_estimator
from engines.models.card import load_card
from engines.models.weights import locate
from engines.parts.opening import parts_opener
from engines.refining import second_look_opener
from engines.types.arrays import Floats, Image
from engines.types.poses import Poses
from engines.types.skeleton_conversion import converted
from training.crops.people import BODY, WITH_FEET, People, load_people
from training.data.photos import Photo

FIRST = "pafnet"  # finds the people
FOUND = 0.95  # score to learn of a keypoint that was found; what was not is not judged
MIN_FOUND = 2  # keypoints of feet of somebody to learn from
MIN_SPAN_PX = 120.0  # of somebody's keypoints: BlazePose needs large people
SAVE_EVERY = 200  # photos


def people_with_feet(photos: list[Photo], card: str, path: Path) -> People:
    """People with feet, in WITH_FEET; kept in the file, and gone on with where it is not whole.

    card: of the crop network whose bodies feet must fit.
    """
    known = load_people(path) if path.exists() else None
    if known is not None and known.done >= len(photos):
        return known
    rows = [] if known is None else list(zip(known.photo, known.xy, known.score, strict=True))
    find = _finder(card)
    for n in range(0 if known is None else known.done, len(photos)):
        people = find(photos[n].image)
        rows += [(n, *one) for one in zip(people.xy, people.score, strict=True) if _useful(*one)]
        if (n + 1) % SAVE_EVERY == 0 or n + 1 == len(photos):
            known = _as_people(rows, n + 1)
            known.save(path)
            sys.stderr.write(f"{n + 1} photos: {len(rows)} people with feet\n")
    assert known is not None
    return known


def _useful(xy: Floats, score: Floats) -> bool:
    span = np.nanmax(xy[:BODY], 0) - np.nanmin(xy[:BODY], 0)
    return bool((score[BODY:] > 0).sum() >= MIN_FOUND and span.max() >= MIN_SPAN_PX)


def _as_people(rows: list[tuple[int, Floats, Floats]], done: int) -> People:
    shape = (-1, len(WITH_FEET.keypoints))
    photo = np.array([one[0] for one in rows], np.int32)
    xy = np.array([one[1] for one in rows], np.float32).reshape(*shape, 2)
    score = np.array([one[2] for one in rows], np.float32).reshape(shape)
    feet = np.arange(shape[1]) >= BODY
    box = np.where(feet[:, None] | (score < 0.1)[..., None], np.float32(np.nan), xy)
    weight = np.where(feet & (score <= 0), np.float32(0), np.float32(1))
    return People(photo, xy, np.where(feet & (score > 0), FOUND, score), weight, box, done)


def _finder(card: str) -> Callable[[Image], Poses]:
    """The people of a picture as `--model pafnet --feet` finds them."""
    first = load_card(FIRST)
    estimator = open_estimator(first, locate(first, "int8"), height=None)
    second, parts = second_look_opener(card, first), parts_opener(["feet"], first.skeleton)
    assert second is not None
    assert parts is not None
    again, look = second(), parts()

    def find(image: Image) -> Poses:
        estimator.submit([image])
        bodies = again.refine([image], [estimator.decoder.decode(estimator.result()[0])])
        return converted(look.look([image], bodies)[0], WITH_FEET)

    return find
