"""The crop network's teacher: PAF network, MoveNet and people's labels, asked once for all photos.

What the two networks say is fused as the second look does it; where people labelled a photo and
the labels can be trusted, their word goes before both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from engines.estimator import Estimator, open_estimator
from engines.models.card import Precision, load_card
from engines.models.weights import locate
from engines.types.arrays import Floats, Image
from engines.types.poses import Poses
from engines.types.skeleton_conversion import converted
from training.crops.boxes import around
from training.crops.likeness import FUSION, fused, likes
from training.crops.movenet import MoveNet
from training.crops.people import COCO, People, load_people
from training.data.photos import Photo, read_photos
from training.data.teacher import TEACHER

MIN_MATCH_OKS = 0.3  # from which on two findings are one person
DOUBT_SCORE, DOUBT_WEIGHT = 0.2, 0.6  # of a person whom the two networks see differently
LABEL_SCORE = 0.9  # of a point that somebody labelled
SAVE_INTERVAL_S = 60.0  # at least, between saves
PHOTOS_IN_FLIGHT = 16  # at a time
MIN_CROP_SIDE_PX = 40.0  # of smaller people too little can be seen
MAX_PEOPLE = 8  # of a photo, the largest


@dataclass(frozen=True)
class CropsTeachSettings:
    """Find the people in the photos and their keypoints, for crops-train; goes on if stopped."""

    photos: tuple[Path, ...] = field(metadata={"values": True})
    """Folders with .tar shards of photos, and labels.jsonl where some are labelled, as by
    --bootstrap of a run with several cameras."""
    movenet: Path
    """MoveNet Thunder, as OpenVINO IR or TFLite."""
    output: Path
    """The file of people to write (.npz)."""
    height: int = 368
    """Rows of the PAF network's input."""
    precision: Literal["int8", "fp32"] = "int8"
    """Its arithmetic: fp32 finds slightly more, in twice the time."""
    threads: int = 2
    """Processor threads."""


def teach(settings: CropsTeachSettings) -> None:
    """Write the people of all photos; what the file has already is not done again."""
    photos = read_photos(*settings.photos)
    rows: list[tuple[int, Floats, Floats, Floats, Floats]] = []
    begin = 0
    if settings.output.exists():
        known = load_people(settings.output)
        begin = known.done
        parts = known.photo, known.xy, known.score, known.weight, known.box
        rows = list(zip(*parts, strict=True))
    finders = _finder(TEACHER, settings.precision, settings.height), _finder("pafnet", "int8", 256)
    movenet = MoveNet(settings.movenet, settings.threads)
    saved = time.monotonic()
    for start in range(begin, len(photos), PHOTOS_IN_FLIGHT):
        numbers = range(start, min(start + PHOTOS_IN_FLIGHT, len(photos)))
        images = [photos[n].image for n in numbers]
        for n, good, fast in zip(numbers, *(find(images) for find in finders), strict=True):
            rows += [(n, *one) for one in _people(photos[n], good, fast, movenet)]
        if time.monotonic() - saved > SAVE_INTERVAL_S or numbers[-1] == len(photos) - 1:
            saved = time.monotonic()
            photo, xy, score, weight, box = (np.array(one) for one in zip(*rows, strict=True))
            people = People(photo.astype(np.int32), xy, score, weight, box, numbers[-1] + 1)
            people.save(settings.output)


def _finder(model: str, precision: Precision, height: int) -> Callable[[list[Image]], list[Poses]]:
    card = load_card(model)
    located = locate(card, precision, download=False)
    estimator: Estimator = open_estimator(card, located, height=height)

    def find(images: list[Image]) -> list[Poses]:
        estimator.submit(images)
        return [converted(estimator.decoder.decode(one), COCO) for one in estimator.result()]

    return find


def _people(
    photo: Photo, good: Poses, fast: Poses, movenet: MoveNet
) -> list[tuple[Floats, Floats, Floats, Floats]]:
    """(17, 2) points, (17,) scores and weights, and (17, 2) points around which to crop."""
    firsts = [(xy, score) for xy, score in zip(good.xy, good.score, strict=True)]
    boxes = [xy for xy, _ in firsts]
    human = _as_coco(photo.persons)
    labels: list[Floats | None] = [None] * len(firsts)
    # People whom only the fast network finds are those of whom it must be told that they are none.
    for xy, score in zip(fast.xy, fast.score, strict=True):
        best, alike = _nearest(xy, firsts)
        if alike >= MIN_MATCH_OKS:
            boxes[best] = xy
        else:
            firsts.append((xy, score))
            boxes.append(xy)
            labels.append(None)
    for known in human:
        there = ~np.isnan(known[:, 0])
        best, alike = _nearest(known, firsts)
        if alike >= FUSION.guard:
            labels[best] = known
        elif there.sum() >= 4:
            firsts.append((known, there.astype(np.float32)))
            boxes.append(known)
            labels.append(known)
    crops = [around(xy, movenet.size) for xy, _ in firsts]
    sides = [0.0 if crop is None else float(crop.extent[0, 0]) for crop in crops]
    large = [
        (n, crop)
        for n, crop in enumerate(crops)
        if crop is not None and sides[n] >= MIN_CROP_SIDE_PX
    ]
    large = sorted(large, key=lambda one: -sides[one[0]])[:MAX_PEOPLE]
    seconds = movenet(photo.image, [crop for _, crop in large])
    out = []
    for (n, _), second, score in zip(large, *seconds, strict=True):
        out.append((*taught(*firsts[n], second, score, labels[n]), boxes[n]))
    return out


def _nearest(one: Floats, people: Sequence[tuple[Floats, Floats]]) -> tuple[int, float]:
    """Who is most like one (17, 2) person, and the OKS; -1 and 0 where there is nobody."""
    alike = likes(one, np.array([xy for xy, _ in people], np.float32).reshape(-1, *one.shape))
    return (int(alike.argmax()), float(alike.max())) if len(alike) else (-1, 0.0)


def taught(
    first: Floats, first_score: Floats, second: Floats, second_score: Floats, label: Floats | None
) -> tuple[Floats, Floats, Floats]:
    """(17, 2) points, (17,) scores and (17,) weights to learn from both looks and the labels."""
    xy, score, same = fused(first, first_score, second, second_score)
    doubtful = not same
    # Mostly there is nobody, and that is to be learnt.
    score = score * DOUBT_SCORE if doubtful else score
    weight = np.full(len(xy), DOUBT_WEIGHT if doubtful else 1.0, np.float32)
    weight[np.isnan(xy[:, 0])] = 0
    if label is not None:
        known = ~np.isnan(label[:, 0])
        xy = np.where(known[:, None], label, xy)
        score = np.where(known, np.maximum(score, LABEL_SCORE), score)
        weight = np.where(known, 1.0, weight)
    return xy.astype(np.float32), score.astype(np.float32), weight.astype(np.float32)


def _as_coco(persons: Floats) -> Floats:
    """(P, 18, 2) of COCO-18 in COCO's own order."""
    order = load_card(TEACHER).skeleton.order_in(COCO)
    return persons[:, order]
