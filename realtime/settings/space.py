"""The calibrated cameras, and the room that they see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class SpaceSettings:
    """Live 3D with the calibrated cameras of a rig."""

    rig: Path | None = None
    """The calibrated cameras of the sources (a .toml): people are found in space, in metres."""
    ground: Literal["auto", "rig", "off"] = "auto"
    """The floor of --show3d: z = 0 of the rig where people stand on it, else where they do stand
    (auto); the rig's; or none."""
