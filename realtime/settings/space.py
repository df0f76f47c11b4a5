"""The calibrated cameras, and the room that they see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from realtime.types.errors import SettingsError


@dataclass(frozen=True, slots=True)
class SpaceSettings:
    """Live 3D with the calibrated cameras of a rig."""

    rig: Path | None = None
    """Calibration of the sources' cameras, a .toml; gives 3D people, in metres."""
    min_views: int | None = None
    """Leave out 3D keypoints that rest on fewer cameras; by default those that are carried on for a
    moment without two are kept."""
    ground: Literal["auto", "rig", "off"] = "auto"
    """Floor of --show3d: auto is z = 0 of the rig if people stand on it, else the plane they stand
    on; rig is always z = 0; off draws none."""

    def __post_init__(self) -> None:
        if self.min_views is None:
            return
        if self.rig is None:
            raise SettingsError("--min-views is about 3D people; add --rig FILE.toml.")
        if self.min_views < 2:
            raise SettingsError(f"--min-views must be 2 or more, not {self.min_views}.")
