"""The trainer: labelled photos in, a network with its card out, resumable at any minute."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch

from engines.types.arrays import Image, Mask
from engines.types.skeleton import Skeleton, named_skeleton
from training.data.errors import TrainingError
from training.learning.checkpoints import rate_at, share_left
from training.learning.train import training_progress
from training.openpose.crops import GREY, Crop, crop, unaltered
from training.openpose.labels import LabelledPhoto, read_labels
from training.openpose.learner import MEAN, SCALE, Learner, made
from training.openpose.targets import STRIDE, Targets, make_targets

CHECKPOINT_INTERVAL_S = 120.0  # at least, between checkpoints
PHOTOS_IN_MEMORY = 256  # decoded
WARM_UP_STEPS = 100
Cropping = Callable[[LabelledPhoto, Image, Mask, Skeleton, int, np.random.Generator], Crop]
CHECKPOINT, WEIGHTS, CARD = "checkpoint.pt", "network.pt", "network.toml"


@dataclass(frozen=True)
class OpenPoseTrainSettings:
    """Train a network of OpenPose's on labelled photos alone, or continue a run."""

    run: Path
    """Folder of the run, with checkpoint.pt, log.jsonl and the network with its model card,
    network.toml; an existing run continues."""
    labels: Path
    """Keypoints of people, a COCO JSON file such as person_keypoints.json."""
    images: Path
    """Folder of the photos that it names."""
    network: str = "openpose-tpami19"
    """Network to train: openpose-tpami19, openpose-cvpr17 or pafnet, which is much smaller."""
    skeleton: str = "body25"
    """Keypoints to find, matched with those of the labels by name; one that has no labels is
    not taught."""
    minutes: float = 60.0
    """Stop after this many minutes."""
    steps: int | None = None
    """Stop at this step of the run, if it comes sooner; the learning rate falls to zero there."""
    size: int = 368
    """Side of the crops in pixels, a multiple of 8."""
    batch: int = 10
    """Crops in each step."""
    rate: float = 1e-4
    """Learning rate."""
    decay: float = 0.3
    """Final share of the minutes or steps over which the learning rate falls to zero."""
    augment: bool = True
    """Scale, turn, move and mirror the crops; without it the photos as a run sees them, to check
    that a network learns a few of them by heart."""
    mask: bool = True
    """Do not judge where people are whom nobody labelled."""
    seed: int = 1
    """Random seed of the weights and the crops."""
    threads: int = 2
    """CPU threads."""


def train_openpose(settings: OpenPoseTrainSettings) -> str:
    """Until the minutes are over, or a file named stop lies in the run's folder; says where the
    network is.
    """
    if settings.size < STRIDE or settings.size % STRIDE:
        raise TrainingError(f"--size must be a multiple of {STRIDE}, not {settings.size}.")
    skeleton = named_skeleton(settings.skeleton)
    photos = read_labels(settings.labels, settings.images, skeleton)
    settings.run.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    cv2.setNumThreads(1)  # crops are made side by side
    torch.manual_seed(settings.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    learner = Learner(made(settings.network, skeleton), device)
    path = settings.run / CHECKPOINT
    if path.exists():
        learner.load(path)
    cropping = crop if settings.augment else unaltered
    batches = Batches(photos, skeleton, settings.size, cropping, masked=settings.mask)
    with ThreadPoolExecutor(settings.threads) as pool, training_progress() as progress:
        bar = progress.add_task("training", total=60 * settings.minutes, said="")
        began = saved = time.monotonic()
        before, first, recent, over = learner.seconds, learner.step, list[float](), False
        while not over:
            made_now = batches.make(settings.batch, (settings.seed, learner.step), pool)
            passed = time.monotonic() - began
            learner.seconds = before + passed
            left = share_left(settings.minutes, passed, settings.steps, first, learner.step)
            rate = rate_at(settings.rate, learner.step, WARM_UP_STEPS, left, settings.decay)
            recent.append(learner.learn(*made_now, rate))
            over = left <= 0 or learner.step == settings.steps or (settings.run / "stop").exists()
            progress.update(bar, completed=passed, said=f"loss {recent[-1]:.1f}")
            if over or time.monotonic() - saved >= CHECKPOINT_INTERVAL_S:
                learner.save(path)
                _note(settings.run, learner, recent)
                recent, saved = [], time.monotonic()
    write_card(settings, skeleton, learner)
    return f"{settings.run / CARD}: run it with --model, or make ONNX of it with models export"


class Batches:
    """Crops of photos with what a network is to give for them.

    cropping: how crops are made, see training.openpose.crops. masked: see the settings.
    """

    def __init__(
        self,
        photos: list[LabelledPhoto],
        skeleton: Skeleton,
        size: int,
        cropping: Cropping = crop,
        *,
        masked: bool = True,
    ) -> None:
        self._photos, self._skeleton, self._size = photos, skeleton, size
        self._cropping, self._masked = cropping, masked
        self._opened = lru_cache(PHOTOS_IN_MEMORY)(self._open)

    def make(
        self, count: int, seed: tuple[int, ...], pool: ThreadPoolExecutor | None = None
    ) -> tuple[Image, list[Targets]]:
        """(N, S, S, 3) pictures and their targets, always the same for the same seed."""
        each = range(count)
        made = [*(pool.map if pool else map)(lambda n: self._one((*seed, n)), each)]
        pictures, targets = zip(*made, strict=True)
        return np.stack(pictures), [*targets]

    def _one(self, seed: tuple[int, ...]) -> tuple[Image, Targets]:
        rng = np.random.default_rng(seed)
        number = int(rng.integers(len(self._photos)))
        photo, (image, judged) = self._photos[number], self._opened(number)
        cut = self._cropping(photo, image, judged, self._skeleton, self._size, rng)
        sides = self._size, self._size
        targets = make_targets(cut.points, photo.labelled, cut.judged, self._skeleton, sides)
        return cut.image, targets

    def _open(self, number: int) -> tuple[Image, Mask]:
        photo = self._photos[number]
        image = photo.read()
        judged = photo.mask() if self._masked else np.ones(image.shape[:2], bool)
        return image, judged


def write_card(settings: OpenPoseTrainSettings, skeleton: Skeleton, learner: Learner) -> None:
    """The network and the card that describes it."""
    path = settings.run / WEIGHTS
    torch.save(learner.module.state_dict(), path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
    content = path.read_bytes()
    pairs = ", ".join(f"[{2 * n}, {2 * n + 1}]" for n in range(len(skeleton.limbs)))
    file = (
        f'{{ name = "{WEIGHTS}", size = {len(content)}, '
        f'sha256 = "{hashlib.sha256(content).hexdigest()}" }}'
    )
    text = f"""title = "{settings.network}, trained on {settings.labels.name}"
licence = "that of the photos and labels"
home = "https://arxiv.org/abs/1812.08008"
skeleton = "{skeleton.name}"

[input]
stride = {STRIDE}
pad = {GREY}
colour = "bgr"
mean = [{MEAN}, {MEAN}, {MEAN}]
scale = [{SCALE}, {SCALE}, {SCALE}]
height = {settings.size}

[decoder]
kind = "paf"
pafs = [{pairs}]

[[weights]]
network = "{settings.network}"
precision = ["fp32", "bf16", "fp16"]
files = [{file}]
"""
    (settings.run / CARD).write_text(text, encoding="utf-8")


def _note(run: Path, learner: Learner, recent: list[float]) -> None:
    point = {"step": learner.step, "minutes": learner.seconds / 60, "loss": float(np.mean(recent))}
    with (run / "log.jsonl").open("a") as log:
        log.write(json.dumps(point) + "\n")
