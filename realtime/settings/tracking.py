"""Who is who from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from realtime.types.errors import SettingsError


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """Who is who from frame to frame."""

    track: bool = True
    """Give every person an id that stays, and carry them through short misses."""
    detect_every: int | Literal["auto"] = 1
    """Run the network on every so many-th frame only; people are followed in between. auto: as
    often as people come and go, with --refine, whose network follows them."""
    smooth: Literal["off", "one-euro"] = "off"
    """Calm trembling keypoints."""

    def __post_init__(self) -> None:
        if self.detect_every != "auto" and self.detect_every < 1:
            raise SettingsError(f"--detect-every {self.detect_every} is not 1 or more.")
        if not self.track and (self.detect_every != 1 or self.smooth != "off"):
            raise SettingsError("--detect-every and --smooth need ids; leave out --no-track.")
