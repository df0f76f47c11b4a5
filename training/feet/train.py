"""Feet for a crop network that has none: its own layers stay, and a branch of its own learns.

What it learns is what BlazePose says of heels and big toes where its ankles agree with ours, as
`--feet` takes them. All layers that the feet share with the body are as they were, so bodies are
found as before, and their features of each crop are made once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch

from engines.models.card import load_card
from engines.models.weights import locate
from engines.networks.cropnet import Feet, heatmaps
from engines.types.arrays import Indices
from training.crops.boxes import Size
from training.crops.continued import start_from_graph
from training.crops.head import HEAD
from training.crops.learner import Learner
from training.crops.loss import crop_loss
from training.crops.samples import CropBatch, make_batch, plain, stacked
from training.crops.train import MEASURE_CROPS
from training.data.errors import TrainingError
from training.data.photos import read_photos
from training.feet.people import people_with_feet
from training.feet.shared import Shared
from training.learning.checkpoints import rate_at
from training.learning.train import HELD_OUT_EVERY

VARIANTS = 5  # crops of each person
BATCH, CHECK_BATCH, WARM_UP_STEPS = 32, 16, 60
DECAY = 0.6  # share of the time over which the learning rate falls to nothing
REPORT_STEPS = 400
NEAR = 0.04  # heights of a person, about half of a foot in it


@dataclass(frozen=True)
class CropsFeetSettings:
    """Teach a crop network heels and big toes; crops-export writes it with its body as before."""

    run: Path
    """Folder of the run: people.npz, checkpoint.pt; people that are there are not looked for
    again."""
    photos: tuple[Path, ...] = field(metadata={"values": True})
    """Folders with .tar shards of photos."""
    card: str = "cropnet"
    """The crop network: a card of crops-export, or cropnet, ours."""
    minutes: float = 10.0
    """How long to learn, when the people were found and their features made."""
    rate: float = 2e-3
    """Learning rate."""
    width: int = 160
    """Of the crops in pixels, a multiple of 32."""
    height: int = 224
    """Of the crops in pixels, a multiple of 32."""
    seed: int = 1
    """Of the crops."""
    threads: int = 2
    """Processor threads."""


def teach_feet(settings: CropsFeetSettings) -> None:
    """People with feet, then their features, then the branch; a line now and then."""
    settings.run.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(1)  # crops are made side by side
    photos = read_photos(*settings.photos)
    people = people_with_feet(photos, settings.card, settings.run / "people.npz")
    size, count = (settings.width, settings.height), np.arange(len(people.photo))
    held = people.photo % HELD_OUT_EVERY == 0
    if held.all() or not held.any():
        raise TrainingError("There are too few people with feet in the photos to learn from.")
    with ThreadPoolExecutor(settings.threads) as pool:

        def batches(which: Indices, seed: int) -> Iterator[CropBatch]:
            for at in range(0, len(which), BATCH):
                some = which[at : at + BATCH]
                yield make_batch(photos, people, some, size, (seed, at), pool)

        learner = Learner(settings.seed, feet=True)
        network = learner.network
        warm = np.random.default_rng(settings.seed).permutation(count)[:MEASURE_CROPS]
        graph = locate(load_card(settings.card), "int8").paths[0]
        crops = np.concatenate([one.images for one in batches(warm, settings.seed)])
        start_from_graph(network, graph, crops)
        seen = np.tile(count[~held], VARIANTS)
        learnt = Shared.of(network, batches(seen, settings.seed))
        kept = [stacked([plain(photos[people.photo[n]], people, n, size)]) for n in count[held]]
        asked = Shared.of(network, iter(kept))
    feet = network.feet
    assert feet is not None
    began = time.monotonic()
    learn(feet, learnt, settings, lambda step: _report(step, feet, asked, size))
    learner.slow.module.load_state_dict(network.state_dict())
    learner.crops, learner.seconds = len(seen), time.monotonic() - began
    learner.save(settings.run / "checkpoint.pt")


def learn(
    feet: Feet, seen: Shared, settings: CropsFeetSettings, report: Callable[[int], None]
) -> None:
    """The branch alone, for the minutes of the settings."""
    optimiser = torch.optim.AdamW(feet.parameters(), weight_decay=0.01)
    rng, began, step, left = np.random.default_rng(settings.seed), time.monotonic(), 0, 1.0
    feet.train()
    while left > 0:
        some = np.sort(rng.choice(len(seen.xy), min(BATCH, len(seen.xy)), replace=False))
        for group in optimiser.param_groups:
            group["lr"] = rate_at(settings.rate, step, WARM_UP_STEPS, left, DECAY)
        places, nowhere = feet(seen.features[some].float(), seen.whole[some].clone())
        wanted = (torch.from_numpy(one[some]) for one in (seen.xy, seen.score, seen.weight))
        loss = crop_loss(places, nowhere, *wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        left = 1 - (time.monotonic() - began) / (60 * settings.minutes)
        if step % REPORT_STEPS == 0 or left <= 0:
            feet.eval()
            report(step)
            feet.train()
    feet.eval()


def _report(step: int, feet: Feet, held: Shared, size: Size) -> None:
    """How far held-out feet are from where the teacher has them, in heights of their person."""
    found = []
    with torch.inference_mode():
        for at in range(0, len(held.xy), CHECK_BATCH):
            some = slice(at, at + CHECK_BATCH)
            maps = heatmaps(*feet(held.features[some].float(), held.whole[some]))
            found.append(maps.numpy())
    xy, _ = HEAD.points({"heatmaps": np.concatenate(found)}, size)
    known = (held.score > 0) & (held.weight > 0)
    off = np.linalg.norm(xy - held.xy, axis=2)
    shares = (off / held.height[:, None])[known]
    sys.stderr.write(
        f"step {step}: {known.sum()} keypoints of held-out feet are off by {np.median(shares):.4f} "
        f"of their person's height (median), {(shares < NEAR).mean():.3f} by less than {NEAR}\n"
    )
