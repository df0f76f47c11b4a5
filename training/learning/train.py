"""The trainer: teacher's maps in, checkpoints out, resumable at any minute."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from training.data.batches import MapBatch, make_batch
from training.data.device_batches import DeviceBatches, torch_teacher
from training.data.photos import NOBODY, often, read_photos
from training.data.teacher import Teacher
from training.learning.checkpoints import rate_at, share_left
from training.learning.loss_curve import draw_curve
from training.learning.student import Student

HELD_OUT_EVERY = 50  # every so many-th photo is not learnt from
CHECK_CROPS = 192  # of those photos, always the same
CHECKPOINT_INTERVAL_S = 120.0  # at least, between checkpoints
WARM_UP_STEPS = 300  # until the learning rate is full


@dataclass(frozen=True)
class TrainSettings:
    """Train our own network on the teacher's maps, or continue a run."""

    run: Path
    """Folder of the run, with checkpoint.pt, log.jsonl and curve.png; an existing run continues."""
    photos: tuple[Path, ...] = field(metadata={"values": True})
    """Folders of photos in .tar shards, with labels.jsonl if some are labelled, as by --bootstrap
    of a run with several cameras."""
    minutes: float = 60.0
    """Stop after this many minutes."""
    steps: int | None = None
    """Stop at this step of the run, if it comes sooner; the learning rate falls to zero there."""
    size: int = 128
    """Side of the crops in pixels, a multiple of 32; start small and finish with larger ones."""
    batch: int = 96
    """Crops in each step."""
    rate: float = 2e-3
    """Learning rate."""
    decay: float = 0.0
    """Final share of the minutes or steps over which the learning rate falls to zero."""
    seed: int = 1
    """Random seed of the weights and the crops."""
    threads: int = 2
    """CPU threads."""
    crops: Literal["auto", "cpu", "device"] = "auto"
    """Where crops are made and the teacher runs: on the CPU or on the student's device, which needs
    the teacher as ONNX; auto picks the device if it is a GPU."""


def train(settings: TrainSettings) -> None:
    """Until the minutes are over, or a file named stop lies in the run's folder."""
    settings.run.mkdir(parents=True, exist_ok=True)
    path = settings.run / "checkpoint.pt"
    torch.set_num_threads(settings.threads)
    student = Student(settings.seed)
    if path.exists():
        student.load(path)
    with ThreadPoolExecutor(settings.threads) as pool, training_progress() as progress:
        bar = progress.add_task("reading photos", total=60 * settings.minutes, said="")
        make, test = _batches(settings, student.device, pool)
        began = saved = time.monotonic()
        before, first, crops = student.seconds, student.step, student.crops
        recent: list[float] = []
        over = False
        while not over:
            # Nothing runs beside the student: on a CPU they would only take its cores.
            batch = make(settings.batch, settings.size, seed=(settings.seed, student.step))
            passed = time.monotonic() - began
            student.seconds = before + passed
            left = share_left(settings.minutes, passed, settings.steps, first, student.step)
            rate = rate_at(settings.rate, student.step, WARM_UP_STEPS, left, settings.decay)
            recent.append(student.learn(batch, rate))
            over = left <= 0 or student.step == settings.steps or (settings.run / "stop").exists()
            said = f"{(student.crops - crops) / max(passed, 1):.0f} crops/s, loss {recent[-1]:.3f}"
            progress.update(bar, completed=passed, description="training", said=said)
            if over or time.monotonic() - saved >= CHECKPOINT_INTERVAL_S:
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
                draw_curve(settings.run / "curve.png", student.curve)
                recent, saved = [], time.monotonic()


def _batches(
    settings: TrainSettings, device: str, pool: ThreadPoolExecutor
) -> tuple[Callable[..., MapBatch], MapBatch]:
    """What makes a batch of photos to learn from, and a batch of photos held back."""
    photos = read_photos(*settings.photos)
    seen = [photo for n, photo in enumerate(photos) if n % HELD_OUT_EVERY]
    # How well the teacher is followed: without what people know better.
    unseen = [photo._replace(persons=NOBODY) for photo in photos[::HELD_OUT_EVERY]]
    if settings.crops == "device" or (settings.crops == "auto" and device != "cpu"):
        module = torch_teacher(device)
        test = DeviceBatches(unseen, module, device)(CHECK_CROPS, settings.size, (0,))
        return DeviceBatches(seen, module, device, often(seen)), test
    teacher = Teacher(settings.threads)
    cv2.setNumThreads(1)  # crops are made side by side
    test = make_batch(unseen, teacher, CHECK_CROPS, settings.size, (0,), pool)
    drawn = [seen[number] for number in often(seen)]
    return partial(make_batch, drawn, teacher, pool=pool), test


def training_progress() -> Progress:
    """On a terminal alone."""
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    told = TextColumn("{task.fields[said]}")
    return Progress(*columns, told, console=console, disable=not console.is_terminal)
