"""The trainer of crop networks: people of photos in, checkpoints out, resumable at any minute."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch

from engines.models.card import load_card
from engines.models.weights import locate
from engines.types.arrays import Floats, Indices
from training.crops.boxes import Size
from training.crops.continued import start_from_graph
from training.crops.learner import Learner
from training.crops.people import People, load_people
from training.crops.pretrained import packaged_trunk
from training.crops.proposals import Proposals
from training.crops.samples import CropBatch, make_batch, plain, stacked
from training.data.errors import TrainingError
from training.data.photos import Photo, read_photos
from training.learning.checkpoints import rate_at, share_left
from training.learning.train import HELD_OUT_EVERY

CHECKPOINT_INTERVAL_S = 120.0  # at least, between checkpoints
CHECK_INTERVAL_S = 480.0  # checks cost as much as a third of their crops to learn
CHECK_PEOPLE = 160  # of photos held back, always the same
MEASURE_CROPS = 256  # what a shipped network says of them is its normalisation
LARGE = 0.6  # of the crop's rows from which on somebody is seen as sharply as a crop shows
WARM_UP_STEPS = 60  # until the learning rate is full
MIN_SCORE_SUM = 1.0  # of somebody's keypoints: of less nothing is to be learnt


@dataclass(frozen=True)
class CropsTrainSettings:
    """Train our own crop network on the people that crops-teach found, or go on with it."""

    run: Path
    """Folder of the run: checkpoint.pt, log.jsonl; one that exists is gone on with."""
    photos: tuple[Path, ...] = field(metadata={"values": True})
    """Folders with .tar shards of photos, those of crops-teach in their order."""
    people: Path
    """What crops-teach wrote about them (.npz)."""
    minutes: float = 60.0
    """Stop after so many minutes of this call."""
    steps: int | None = None
    """Stop at this step of the run, if that is sooner; the learning rate falls to nothing there."""
    width: int = 160
    """Of the crops in pixels, a multiple of 32; small ones learn more in the same time."""
    height: int = 224
    """Of the crops in pixels, a multiple of 32."""
    batch: int = 32
    """Crops in a step."""
    rate: float = 1e-3
    """Learning rate."""
    decay: float = 0.0
    """Share of the minutes or steps, at their end, over which the learning rate falls to
    nothing."""
    seed: int = 1
    """Of the crops."""
    pose_guided: bool = False
    """Boxes are off as the first network's are for poses like each (RMPE), in place of anyhow."""
    threads: int = 2
    """Processor threads."""
    fresh: bool = False
    """Begin with random weights in place of a trunk that knows photos."""
    trunk: Path | None = None
    """Weights of EfficientNet-Lite0 to begin with (.pth); its package's by default."""
    card: str | None = None
    """Crop network to begin with in place of a trunk: a card of crops-export, or cropnet, ours."""


def train_crops(settings: CropsTrainSettings) -> None:
    """Until the minutes are over, or a file named stop lies in the run's folder."""
    settings.run.mkdir(parents=True, exist_ok=True)
    path = settings.run / "checkpoint.pt"
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(1)  # crops are made side by side
    people = load_people(settings.people)
    photos = read_photos(*settings.photos, count=people.done)
    size = settings.width, settings.height
    seen, test = split(photos, people, size)
    proposals = Proposals.learn(people, seed=settings.seed) if settings.pose_guided else None

    def batch_of(step: int) -> CropBatch:
        seed = (settings.seed, step)
        chosen = np.random.default_rng(seed).choice(seen, settings.batch)
        return make_batch(photos, people, chosen, size, seed, pool, proposals)

    with ThreadPoolExecutor(settings.threads) as pool, ThreadPoolExecutor(1) as ahead:
        learner = _learner(settings, path, batch_of)
        coming = ahead.submit(batch_of, learner.step)
        began = saved = checked = time.monotonic()
        before, first, crops = learner.seconds, learner.step, learner.crops
        recent: list[float] = []
        over = False
        while not over:
            batch = coming.result()
            coming = ahead.submit(batch_of, learner.step + 1)
            passed = time.monotonic() - began
            learner.seconds = before + passed
            left = share_left(settings.minutes, passed, settings.steps, first, learner.step)
            rate = rate_at(settings.rate, learner.step, WARM_UP_STEPS, left, settings.decay)
            recent.append(learner.learn(batch, rate))
            over = left <= 0 or learner.step == settings.steps or (settings.run / "stop").exists()
            if over or time.monotonic() - checked >= CHECK_INTERVAL_S:
                point = {
                    "crops": learner.crops,
                    "minutes": learner.seconds / 60,
                    "rate": rate,
                    "loss": float(np.mean(recent)),
                    "width": settings.width,
                    "height": settings.height,
                    "crops_per_second": (learner.crops - crops) / max(passed, 1e-3),
                    **learner.check(test),
                }
                learner.curve.append(point)
                with (settings.run / "log.jsonl").open("a") as log:
                    log.write(json.dumps(point) + "\n")
                sys.stderr.write(f"{point}\n")
                recent, checked = [], time.monotonic()
            if over or time.monotonic() - saved >= CHECKPOINT_INTERVAL_S:
                learner.save(path)
                saved = time.monotonic()


def _learner(
    settings: CropsTrainSettings, path: Path, batch_of: Callable[[int], CropBatch]
) -> Learner:
    """As the checkpoint has it, or a new one."""
    if path.exists():
        return Learner.saved(path, settings.seed)
    if settings.card is None:
        trunk = None if settings.fresh else settings.trunk or packaged_trunk()
        return Learner(settings.seed, trunk)
    graph = locate(load_card(settings.card), "int8").paths[0]
    crops = [batch_of(step).images for step in range(MEASURE_CROPS // settings.batch + 1)]
    learner = Learner(settings.seed)
    start_from_graph(learner.network, graph, np.concatenate(crops))
    learner.slow.module.load_state_dict(learner.network.state_dict())
    return learner


def _rows(people: People) -> Floats:
    """(P,) of the photo that each person's keypoints span, or columns where these are more."""
    spans = [np.ptp(xy[~np.isnan(xy[:, 0])], axis=0).max() for xy in people.xy]
    return np.array(spans, np.float32)


def split(photos: list[Photo], people: People, size: Size) -> tuple[Indices, CropBatch]:
    """Numbers of the people to learn from, and plain crops of those held back."""
    if len(people.photo) and people.photo.max() >= len(photos):
        raise TrainingError("The people belong to other photos; run crops-teach on these.")
    useful = (people.score * people.weight).sum(1) >= MIN_SCORE_SUM
    held = people.photo % HELD_OUT_EVERY == 0
    # Neighbours who hide each other are harder than somebody alone: they come twice as often.
    often = np.where(np.bincount(people.photo, minlength=len(photos))[people.photo] > 1, 2, 1)
    # Whoever is large is sharp, and exactly known: so do they.
    often *= np.where(_rows(people) >= LARGE * size[1], 2, 1)
    seen = np.repeat(np.arange(len(held)), np.where(held, 0, often))
    kept = np.flatnonzero(held & useful)[:CHECK_PEOPLE]
    if not len(seen) or not len(kept):
        raise TrainingError("There are too few people in the photos to learn from.")
    return seen, stacked([plain(photos[people.photo[n]], people, n, size) for n in kept])
