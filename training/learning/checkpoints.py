"""Checkpoints on disk, whole or not at all, and how fast a network learns between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from training.data.errors import TrainingError


def save_whole(state: dict[str, Any], path: Path) -> None:
    """A power cut leaves the old file or the new one."""
    torch.save(state, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


@contextmanager
def saved_state(path: Path, device: str, whose: str = "this network") -> Iterator[dict[str, Any]]:
    """What save_whole wrote; TrainingError where it is none, or does not fit those who take it."""
    try:
        yield torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, KeyError, ValueError, UnpicklingError) as error:
        raise TrainingError(
            f"{path} is no checkpoint of {whose}; choose another --run folder."
        ) from error


def rate_at(rate: float, step: int, warm_up: int, left: float, decay: float) -> float:
    """The learning rate of a step. left: share of the minutes or steps; decay: of them, at their
    end, over which it falls to nothing.
    """
    rate *= min(1.0, (step + 1) / warm_up)
    return rate * max(0.0, min(1.0, left / decay)) if decay else rate


def share_left(minutes: float, passed: float, steps: int | None, first: int, step: int) -> float:
    """Of a run until it stops, 1 to 0: after these minutes, of which `passed` seconds are over, or
    at the step `steps`, for which it set out at step `first`; whichever comes sooner.
    """
    left = max(0.0, 1 - passed / (60 * minutes))
    if steps is None or steps <= first:
        return left
    return min(left, 1 - (step - first) / (steps - first))
