"""What is drawn, wherever pictures go."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.types.errors import SettingsError


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """What all pictures show, in the window, in files and on web pages."""

    view: str = "skeleton"
    """What to draw: skeleton, heatmaps, pafs, or part:NAME (the heat map of one keypoint)."""
    render_threshold: float = 0.2
    """Draw keypoints from this confidence on. Other outputs keep them all."""
    mosaic: bool = False
    """Combine the pictures of all sources into one; with --rig, draw the 3D people over them."""
    angles: bool = False
    """Add joint angles and speed of each person to --jsonl, --udp and the pictures."""

    def __post_init__(self) -> None:
        if not 0 <= self.render_threshold <= 1:
            raise SettingsError(
                f"--render-threshold must be from 0 to 1, not {self.render_threshold:g}."
            )
