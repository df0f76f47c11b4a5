"""Who is who from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from realtime.types.errors import SettingsError

PoseNms = Literal["ours", "rmpe", "off"]


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """Tracking people from frame to frame."""

    track: bool = True
    """Give every person a lasting id, and bridge short gaps in their detection."""
    detect_every: int | Literal["auto"] | None = None
    """Run the network on every N-th frame only; optical flow follows people in between, or with
    --refine its network. auto: as often as people come and go, with crops and optical flow in
    between; it needs --refine, and is the default with it for cameras. For videos it is too, but
    frames of people close to each other are all looked at; say auto yourself for half of that."""
    smooth: Literal["off", "one-euro"] = "off"
    """Smooth jittering keypoints."""
    tracker: Literal["ours", "simple-baselines"] = "ours"
    """Who gives ids: our tracker, or that of the paper Simple Baselines to the letter."""
    pose_nms: PoseNms | None = None
    """How people who were found twice become one: ours, or the parametric pose NMS of RMPE with
    AlphaPose's constants. Default: ours where people are tracked, else off."""

    def __post_init__(self) -> None:
        if isinstance(self.detect_every, int) and self.detect_every < 1:
            raise SettingsError(f"--detect-every must be 1 or more, not {self.detect_every}.")
        if not self.track and (self.detect_every not in (None, 1) or self.smooth != "off"):
            raise SettingsError("--detect-every and --smooth need ids; leave out --no-track.")
        if self.tracker != "ours" and not self.track:
            raise SettingsError("--tracker needs ids; leave out --no-track.")
        if self.tracker != "ours" and self.detect_every == "auto":
            raise SettingsError(
                f"--detect-every auto is of our own tracker; leave out --tracker {self.tracker}."
            )
