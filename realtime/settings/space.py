"""The calibrated cameras, and the room that they see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class SpaceSettings:
    """Live 3D with the calibrated cameras of a rig."""

    rig: Path | None = None
    """Calibration of the sources' cameras, a .toml; gives 3D people, in metres."""
    ground: Literal["auto", "rig", "off"] = "auto"
    """Floor of --show3d: auto is z = 0 of the rig if people stand on it, else the plane they stand
    on; rig is always z = 0; off draws none."""
