"""Where the pictures come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Literal

from realtime.settings.sizes import parse_size
from realtime.types.errors import SettingsError

NODE_SCHEME = "stream://"  # of cameras of other computers


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where the pictures come from."""

    source: tuple[str, ...] = field(metadata={"short": "s", "rest": True})
    """A video, image, folder of images, OpenPose JSON or --heatmaps, quoted glob, webcam[:N],
    network camera (rtsp://, http://), the address of a video or image (https://.../clip.mp4), or a
    camera of a node that runs with --publish (stream://NODE/CAMERA)."""
    start: int = 0
    """First frame to use, counted from 0."""
    end: int | None = None
    """Stop before this frame."""
    step: int = 1
    """Use every N-th frame."""
    flip: bool = False
    """Mirror the picture left to right."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Rotate the picture clockwise by this many degrees, after --flip."""
    camera_size: str | None = None
    """Picture size to request from a webcam, or behind OpenPose JSON, as WIDTHxHEIGHT."""
    camera_fps: float | None = None
    """Frame rate (fps) to request from a webcam, or of OpenPose JSON (30 by default) or a folder of
    images (1 by default)."""
    give_up: float = 60.0
    """Seconds to wait for a camera that is lost or, among several, missing; then the run goes on
    without it."""
    loop: bool = False
    """Play files in an endless loop."""
    realtime: bool = False
    """Play a file at its own speed, as a camera would; frames are dropped if that is too fast."""
    max_fps: float | None = None
    """Work on at most this many frames a second: files are read no faster, and cameras' frames
    between are left out."""
    undistort: Path | None = None
    """Straighten the pictures by the lenses in this file: a rig .toml or another program's camera
    file. With --rig name the same file."""
    offsets: str | None = None
    """Seconds to add to the times of some sources before frames are paired, for example
    cam1=0.12,cam2=-0.05."""

    key_file: Path | None = None
    """File with the key that nodes (--publish) and the computer that reads them share. Without it
    the environment variable POSESTREAM_KEY is the key."""

    def __post_init__(self) -> None:
        given: object = self.source
        if isinstance(given, str):  # one source, as one writes it in Python
            object.__setattr__(self, "source", (given,))
        if not self.source:
            raise SettingsError("--source is missing: name a video, a folder, or webcam.")
        if self.start < 0 or self.step < 1:
            raise SettingsError("--start must be 0 or more and --step 1 or more.")
        if self.end is not None and self.end <= self.start:
            raise SettingsError(f"--end {self.end} leaves nothing after --start {self.start}.")
        _ = self.size
        if self.camera_fps is not None and not 0.01 <= self.camera_fps <= 10_000:
            raise SettingsError("--camera-fps must be from 0.01 to 10000.")
        if self.max_fps is not None and not 0.01 <= self.max_fps <= 10_000:
            raise SettingsError("--max-fps must be from 0.01 to 10000.")
        if not self.give_up >= 0:
            raise SettingsError("--give-up must be 0 or more seconds.")
        self.shifts()

    @property
    def size(self) -> tuple[int, int] | None:
        """--camera-size as (width, height)."""
        return None if self.camera_size is None else parse_size("--camera-size", self.camera_size)

    def shifts(self) -> dict[str, float]:
        """--offsets as seconds by the names of sources."""
        shifts = {}
        for one in self.offsets.split(",") if self.offsets is not None else ():
            name, _, seconds = one.strip().rpartition("=")
            try:
                shifts[name] = float(seconds)
            except ValueError:
                name = ""
            if not name or not abs(shifts[name]) < inf:
                raise SettingsError(
                    f"--offsets {self.offsets!r} is not NAME=SECONDS,NAME=SECONDS, for example "
                    "cam1=0.12,cam2=-0.05."
                )
        return shifts
