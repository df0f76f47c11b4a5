"""What finds the people."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

from realtime.types.errors import SettingsError


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What finds the people."""

    model: str | None = None
    """A model's name (`python -m engines list`) or a model card of your own (a .toml file);
    human-pose-estimation-0001, or where that cannot be fetched, what comes with the program."""
    device: Literal["auto", "cuda", "cpu"] = "auto"
    """Where the network runs; auto takes an NVIDIA GPU that has all it needs, else the CPU."""
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    """Arithmetic of the network; auto takes the fastest that there are weights for. fp16 is for
    GPUs; CPUs take bf16 in its place."""
    height: int | None = None
    """Rows of the network's input: more find smaller people, fewer run faster (model's default;
    of upright pictures so many more that the network costs as much as with wide ones)."""
    refine: str = "off"
    """Look again at each person with a crop network: its name or card (movenet-lightning,
    movenet-thunder); auto takes one that is here or can be fetched; off."""
    refine_people: int | None = None
    """Look again at so many people of a frame at most, the largest first."""
    peak_threshold: float | None = None
    """Least confidence of a keypoint (model's default)."""
    limb_threshold: float | None = None
    """Least affinity along a limb (model's default)."""
    min_keypoints: int | None = None
    """Drop people with fewer keypoints (model's default)."""
    min_score: float | None = None
    """Drop people with a lower score per keypoint (model's default)."""
    max_people: int | None = None
    """Keep only so many people of a frame: those with the oldest ids, or the best untracked."""

    def __post_init__(self) -> None:
        if self.height is not None and not 32 <= self.height <= 4096:
            raise SettingsError(f"--height {self.height} is not between 32 and 4096.")
        for name in ("min_keypoints", "max_people", "refine_people"):
            if (count := getattr(self, name)) is not None and count < 1:
                raise SettingsError(f"--{name.replace('_', '-')} {count} is not 1 or more.")
        for name in ("peak_threshold", "limb_threshold", "min_score"):
            if (value := getattr(self, name)) is not None and not 0 <= value < inf:
                raise SettingsError(f"--{name.replace('_', '-')} {value} is not 0 or more.")
