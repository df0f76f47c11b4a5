"""The trainer: teacher's maps in, checkpoints out, resumable at any minute."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from engines.card import NetworkInput
from engines.networks.pafnet import PafNet
from engines.poses import Image
from training.batches import Batch, make_batch
from training.device import DeviceBatches, torch_teacher
from training.errors import TrainingError
from training.photos import NOBODY, read_photos
from training.teacher import Teacher

MEAN, SCALE = 128.0, 64.0  # of the network's input, the same for all channels
HELD_OUT = 50  # every so many-th photo is not learnt from
CHECKED = 192  # crops of those photos, always the same
EVERY = 120.0  # seconds between checkpoints
SLOW = 0.999  # of the averaged weights stay at each step
CURVE = 20  # steps to a point of the curve


@dataclass(frozen=True)
class TrainSettings:
    """Train our own network on the teacher's maps, or go on with it."""

    run: Path
    """Folder of the run: checkpoint, curve and log; one that exists is gone on with."""
    photos: Path
    """Folder with .tar shards of photos."""
    minutes: float = 60.0
    """Stop after so many minutes of this call."""
    steps: int | None = None
    """Stop at this step of the run, if that is sooner."""
    size: int = 128
    """Side of the crops in pixels, a multiple of 32; small ones first, larger ones at the end."""
    batch: int = 48
    """Crops in a step."""
    rate: float = 1.5e-3
    """Learning rate."""
    decay: float = 0.0
    """Share of the minutes, at their end, over which the learning rate falls to nothing."""
    seed: int = 1
    """Of weights and crops."""
    threads: int = 2
    """Processor threads."""
    crops: Literal["auto", "cpu", "device"] = "auto"
    """Where crops are made and the teacher is asked: on the processor, or where the student is
    (which needs the teacher's ONNX; auto: on a GPU that is there)."""


def _slowly(slow: Tensor, now: Tensor, count: Tensor | int) -> Tensor:
    """Of young networks a short average, of old ones a long one."""
    stays = min(SLOW, (1 + float(count)) / (10 + float(count)))
    return slow + (now - slow) * (1 - stays)


class Student:
    """Network, its slow average, optimiser and how far they are."""

    def __init__(self, settings: TrainSettings) -> None:
        torch.manual_seed(settings.seed)
        torch.set_num_threads(settings.threads)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.network = PafNet().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), settings.rate, weight_decay=0.02
        )
        self.slow = torch.optim.swa_utils.AveragedModel(
            self.network,
            avg_fn=_slowly,
            use_buffers=True,
        )
        self.step = self.crops = 0
        self.seconds = 0.0
        self.curve: list[dict[str, float]] = []

    def learn(self, batch: Batch, rate: float) -> float:
        """One step; the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.network.train()
        value = self.loss(self.network, batch)[0]
        self.optimiser.zero_grad()
        torch.autograd.backward(value)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.slow.update_parameters(self.network)
        self.step += 1
        self.crops += len(batch.pictures)
        return float(value.detach())

    def loss(self, network: torch.nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Weighted L2 to the teacher's maps, and the heat maps."""
        pictures = prepared(batch.pictures).to(self.device)
        wanted = [torch.as_tensor(one).to(self.device) for one in (batch.heatmaps, batch.pafs)]
        with torch.autocast(self.device, torch.bfloat16):
            found = network(pictures)
        # Most of a map is empty; where something is, an error counts for more.
        terms = [
            ((1 + 8 * want.abs()) * (have.float() - want).square()).sum((1, 2, 3)).mean()
            for have, want in zip(found, wanted, strict=True)
        ]
        cells = wanted[0].shape[2] * wanted[0].shape[3]
        return (terms[0] + terms[1]) / cells, found[0].float()

    def check(self, batch: Batch) -> dict[str, float]:
        """Of photos that it never saw: loss, and how the heat maps go with the teacher's."""
        self.slow.eval()
        with torch.inference_mode():
            value, heat = self.loss(self.slow, batch)
        parts = (
            heat[:, :-1].cpu().numpy().ravel(),
            np.asarray(torch.as_tensor(batch.heatmaps).cpu())[:, :-1].ravel(),
        )
        return {"check": float(value), "correlation": float(np.corrcoef(*parts)[0, 1])}

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "slow": self.slow.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "figures": (self.step, self.crops, self.seconds),
            "curve": self.curve,
        }
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def load(self, path: Path) -> None:
        """TrainingError where the file is no checkpoint of this network."""
        try:
            state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.slow.load_state_dict(state["slow"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.crops, self.seconds = state["figures"]
            self.curve = state["curve"]
        except (OSError, RuntimeError, KeyError, ValueError, UnpicklingError) as error:
            raise TrainingError(
                f"{path} is no checkpoint of this network; choose another --run folder."
            ) from error


def prepared(pictures: Image) -> Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) as the network wants them."""
    return ((torch.as_tensor(pictures).float() - MEAN) / SCALE).permute(0, 3, 1, 2)


def network_input() -> NetworkInput:
    """The same, as a card says it."""
    return NetworkInput(8, 256, "bgr", (MEAN,) * 3, (SCALE,) * 3)


def train(settings: TrainSettings) -> None:
    """Until the minutes are over, or a file named stop lies in the run's folder."""
    settings.run.mkdir(parents=True, exist_ok=True)
    path = settings.run / "checkpoint.pt"
    student = Student(settings)
    if path.exists():
        student.load(path)
    photos = read_photos(settings.photos)
    # How well the teacher is followed: without what people know better.
    unseen = [photo._replace(persons=NOBODY) for photo in photos[::HELD_OUT]]
    seen = [photo for n, photo in enumerate(photos) if n % HELD_OUT]
    pool = ThreadPoolExecutor(settings.threads)
    beside = settings.crops == "auto" and student.device != "cpu"
    if beside or settings.crops == "device":
        module = torch_teacher(student.device)
        make: Callable[..., Batch] = DeviceBatches(seen, module, student.device)
        test = DeviceBatches(unseen, module, student.device)(CHECKED, settings.size, (0,))
    else:
        teacher = Teacher(settings.threads)
        cv2.setNumThreads(1)  # crops are made side by side
        make = partial(make_batch, seen, teacher, pool=pool)
        test = make_batch(unseen, teacher, CHECKED, settings.size, (0,), pool)
    began = saved = time.monotonic()
    before = student.seconds
    recent: list[float] = []
    while True:
        # Nothing runs beside the student: on a CPU they would only take its cores.
        step = (settings.seed, student.step)
        batch = make(settings.batch, settings.size, seed=step)
        passed = time.monotonic() - began
        student.seconds = before + passed
        left = 1 - passed / (60 * settings.minutes)
        rate = settings.rate * min(1.0, (student.step + 1) / 300)
        if settings.decay:
            rate *= max(0.0, min(1.0, left / settings.decay))
        recent.append(student.learn(batch, rate))
        over = left <= 0 or student.step == settings.steps or (settings.run / "stop").exists()
        if over or time.monotonic() - saved >= EVERY:
            point = {
                "crops": student.crops,
                "minutes": student.seconds / 60,
                "loss": float(np.mean(recent)),
                "size": settings.size,
                **student.check(test),
            }
            student.curve.append(point)
            student.save(path)
            with (settings.run / "log.jsonl").open("a") as log:
                log.write(json.dumps(point) + "\n")
            recent, saved = [], time.monotonic()
        if over:
            break
    pool.shutdown()
