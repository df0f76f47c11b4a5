"""What is drawn, wherever pictures go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """What all pictures show, in the window, in files and on web pages."""

    view: str = "skeleton"
    """What to draw: skeleton, heatmaps, pafs, or part:NAME (the heat map of one keypoint)."""
    mosaic: bool = False
    """Combine the pictures of all sources into one; with --rig, draw the 3D people over them."""
    angles: bool = False
    """Add joint angles and speed of each person to --jsonl, --udp and the pictures."""
