"""TensorRT engines, before they are needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from engines.types.errors import DeviceError, UsageError


@dataclass(frozen=True)
class Options:
    """Build a TensorRT engine for this machine's NVIDIA GPU."""

    model: str = field(metadata={"positional": True})
    """A model's name, as `list` shows it, or your own model card (a .toml file)."""
    precision: Literal["fp16", "fp32", "int8"] = "fp16"
    """Arithmetic of the engine."""
    max_batch: int = 4
    """Largest number of pictures to process at once, one for each camera."""
    heights: tuple[int, ...] = field(default=(), metadata={"values": True})
    """Rows of the network's input, one or more numbers; the model's own by default."""

    def __post_init__(self) -> None:
        if self.max_batch < 1:
            raise UsageError(f"--max-batch must be 1 or more, not {self.max_batch}.")
        for height in self.heights:
            if height < 1:
                raise UsageError(f"--heights must be 1 or more, not {height}.")


def run(options: Options) -> int:
    """Build the plan for this machine's GPU, unless it is in the cache, and say where it lies."""
    card = load_card(options.model)
    gpu = _gpu()
    with download_bar() as bar:
        located = locate(card, options.precision, progress=bar)
    heights = options.heights or (None,)
    sizings = [check_height(card, height) for height in heights]
    profile = Profile.usual(card.input, options.max_batch, sizings)
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
