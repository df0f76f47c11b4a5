"""What is drawn, wherever pictures go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """What all pictures show: those of the window, of files and of web pages."""

    view: str = "skeleton"
    """What all pictures show: skeleton, heatmaps, pafs, or part:NAME (a keypoint's heat map)."""
    mosaic: bool = False
    """Put the pictures of all sources into one, with --rig the people in space over them."""
    angles: bool = False
    """Add each person's joint angles and speed to --jsonl, --udp and the pictures."""
