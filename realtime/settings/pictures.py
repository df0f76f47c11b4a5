"""What is drawn, wherever pictures go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from realtime.settings.sizes import parse_size
from realtime.types.errors import SettingsError
from realtime.types.view_mode import People3D, Style


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """What all pictures show, in the window, in files and on web pages."""

    view: str = "skeleton"
    """What to draw: skeleton; heatmaps of all keypoints, or their sum; background; pafs (affinity
    fields); part:NAME or paf:NAME, the heat map of one keypoint or the fields that meet in it."""
    render_threshold: float = 0.2
    """Draw keypoints from this confidence on. Other outputs keep them all."""
    opacity: float | None = None
    """Opacity of limbs and maps, 0 to 1; by default 0.6 and 0.8, and 1 for limbs on black."""
    backdrop: Literal["image", "black"] = "image"
    """What to draw on."""
    output_size: str | None = field(default=None, metadata={"metavar": "WxH"})
    """Size of the pictures in the window and in --output, by default the source's; what a picture
    of another shape leaves over is black."""
    mosaic: bool = False
    """Combine the pictures of all sources into one."""
    draw3d: People3D = "outline"
    """How pictures show the 3D people of --rig: as a thin outline around the 2D skeletons; as the
    only skeletons; or off."""
    angles: bool = False
    """Add joint angles (and in the picture speed) of each person to --jsonl, --csv, --udp and the
    pictures; with --rig also to the 3D people."""

    @property
    def size(self) -> tuple[int, int] | None:
        """--output-size as (width, height)."""
        return None if self.output_size is None else parse_size("--output-size", self.output_size)

    @property
    def style(self) -> Style:
        return Style(self.opacity, self.backdrop, self.draw3d)

    def __post_init__(self) -> None:
        _ = self.size
        if self.opacity is not None and not 0 <= self.opacity <= 1:
            raise SettingsError(f"--opacity must be from 0 to 1, not {self.opacity:g}.")
        if not 0 <= self.render_threshold <= 1:
            raise SettingsError(
                f"--render-threshold must be from 0 to 1, not {self.render_threshold:g}."
            )
