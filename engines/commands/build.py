"""TensorRT engines, before they are needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import TaskID

from engines.estimator import check_height
from engines.models.card import load_card
from engines.models.download import download_bar
from engines.models.weights import locate
from engines.nvidia.driver import Gpu, usable_gpu
from engines.nvidia.plan_cache import Profile, Progress, plan_for
from engines.nvidia.tensorrt_engine import installed
from engines.types.errors import DeviceError


def run(
    model: str, precision: Literal["fp16", "fp32", "int8"], max_batch: int, heights: list[int]
) -> int:
    """Build the plan for this machine's GPU, unless it is in the cache, and say where it lies."""
    card = load_card(model)
    gpu = _gpu()
    with download_bar() as bar:
        located = locate(card, precision, progress=bar)
    sizings = [check_height(card, height) for height in heights] or [check_height(card, None)]
    profile = Profile.usual(card.input, max_batch, sizings)
    with build_bar() as progress:
        library, plan, content = plan_for(card, located, profile, gpu, progress)
    least, _, most = profile.shapes(card.input.stride)
    sys.stdout.write(
        f"{card.name}, {located.precision}, {library.__name__} {library.__version__}, "
        f"{gpu.name if gpu else 'any GPU that it supports'}\n"
        f"  pictures 1 to {most[0]}, {least[2]}x{least[1]} to {most[2]}x{most[1]}\n"
        f"  {plan.path} ({len(content)} bytes)\n"
    )
    return 0


def _gpu() -> Gpu | None:
    """Where there is none, TensorRT-RTX builds for all that it supports."""
    try:
        return usable_gpu()
    except DeviceError:
        if not installed(None):
            raise
        return None


@contextmanager
def build_bar() -> Iterator[Progress]:
    """A bar for each phase on stderr, while that is a terminal."""
    bars: dict[str, TaskID] = {}
    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as shown:

        def progress(phase: str, done: int, steps: int) -> None:
            if phase not in bars:
                bars[phase] = shown.add_task(phase, total=steps)
            shown.update(bars[phase], completed=done, total=steps)

        yield progress
