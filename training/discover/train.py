"""Learns landmarks of a clip for some minutes; can be stopped, and gone on with."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from training.data.errors import TrainingError
from training.discover.clip import Clip
from training.discover.learner import Learner, choose
from training.discover.measures import measure
from training.learning.checkpoints import rate_at, saved_state

WARM_UP_STEPS = 20
DECAY = 0.5  # share of the run, at its end, over which the learning rate falls to nothing
CHECKPOINT_INTERVAL_S = 60.0
CHECKS = 6  # of the measures, over a run


@dataclass(frozen=True)
class DiscoverSettings:
    """How to learn. minutes: of this call; steps: stop after so many of this call, if sooner; the
    learning rate falls with whichever is further. device: "" = a GPU if there is one. features: an
    ONNX network whose maps are used in place of the U-Net.
    """

    run: Path
    points: int = 10
    minutes: float = 15.0
    steps: int | None = None
    batch: int = 12
    rate: float = 2e-3
    edges: bool = False
    seed: int = 1
    threads: int = 2
    device: str = ""
    features: Path | None = None


def learn(
    clip: Clip,
    settings: DiscoverSettings,
    clock: Callable[[], float] = time.monotonic,
    tell: Callable[[str], object] = sys.stderr.write,
) -> Learner:
    """Landmarks of the clip; the run's folder has checkpoint.pt and log.jsonl. A run that is there
    is gone on with. TrainingError where it is of other landmarks.
    """
    torch.set_num_threads(settings.threads)
    device = settings.device or ("cuda" if torch.cuda.is_available() else "cpu")
    settings.run.mkdir(parents=True, exist_ok=True)
    path = settings.run / "checkpoint.pt"
    learner = Learner(
        settings.points,
        clip,
        edges=settings.edges,
        seed=settings.seed,
        device=device,
        rate=settings.rate,
        features=settings.features,
    )
    if path.exists():
        _check(learner, path, device)
        learner.load(path)
        tell(f"Going on with {settings.run}, {learner.step} steps so far.\n")
    seen, held = clip.split()
    began = saved = clock()
    before, first = learner.seconds, learner.step
    fresh = first == 0
    recent: list[dict[str, float]] = []
    checked = done = 0.0
    while done < 1:
        done = (clock() - began) / (60 * settings.minutes)
        if settings.steps is not None:
            done = max(done, (learner.step - first + 1) / settings.steps)
        rate = rate_at(settings.rate, learner.step - first, WARM_UP_STEPS, 1 - done, DECAY)
        chosen = choose(seen, settings.batch, (settings.seed, learner.step))
        # What coverage is for is done once: a run that is gone on with has its places.
        recent.append(learner.learn(chosen, rate, done if fresh else 1.0))
        learner.seconds = before + clock() - began
        if done >= 1 or done - checked >= 1 / CHECKS:
            checked = done
            _tell(learner, recent, held, settings.run, tell)
            recent = []
        if done >= 1 or clock() - saved >= CHECKPOINT_INTERVAL_S:
            learner.save(path)
            saved = clock()
    return learner


def _tell(
    learner: Learner,
    recent: list[dict[str, float]],
    held: np.ndarray,
    run: Path,
    tell: Callable[[str], object],
) -> None:
    found = measure(learner.find, learner.clip, held)
    losses = {
        name: round(float(np.mean([one[name] for one in recent if name in one])), 4)
        for name in recent[-1]
    }
    point = {"step": learner.step, "seconds": round(learner.seconds, 1)} | losses
    with (run / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(point | found.as_dict()) + "\n")
    tell(
        f"{learner.seconds / 60:5.1f} min, step {learner.step}: warps {found.equivariance:.2%}, "
        f"apart {found.spread:.1%}, unexplained {losses['reconstruction']:.2f}\n"
    )


def _check(learner: Learner, path: Path, device: str) -> None:
    """TrainingError where a run learnt other landmarks than those that are asked for."""
    with saved_state(path, device, "these landmarks") as state:
        points, wide, high, edges = state["shape"]
        deep = state["deep"]
    mine = learner.points, *learner.clip.size, learner.decoder.edges is not None
    if (points, wide, high, edges) != mine or deep != learner.network.deep:
        raise TrainingError(
            f"{path.parent} has {points} landmarks of {wide}x{high} pictures"
            f"{', with edges' if edges else ''}{', of a rig' if deep else ''}; choose another "
            "--run folder, or the same options."
        )
