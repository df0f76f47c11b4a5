"""What people do."""

from __future__ import annotations

from dataclasses import dataclass, field

from realtime.types.errors import SettingsError

MIN_STATURE_M, MAX_STATURE_M = 0.5, 2.6


@dataclass(frozen=True, slots=True)
class SportsSettings:
    """Squats, jumps and throws."""

    events: bool = False
    """Recognise, measure and count each person's squats, jumps and throws, in --jsonl, --csv, --udp
    and the pictures; with --rig those of the 3D people."""
    person_height: float | None = field(default=None, metadata={"metavar": "METRES"})
    """Body height of the people in the picture, for speeds and heights in metres without a rig."""

    def __post_init__(self) -> None:
        height = self.person_height
        if height is not None and not MIN_STATURE_M <= height <= MAX_STATURE_M:
            raise SettingsError(
                f"--person-height must be from {MIN_STATURE_M} to {MAX_STATURE_M} metres, not "
                f"{height:g}."
            )
