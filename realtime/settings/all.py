"""The settings of a run: one place for names, defaults and help texts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Literal

from realtime.runtime.display import has_display, has_terminal
from realtime.types.errors import SettingsError
from realtime.web.address import check_access

VIDEO_ENDINGS = (".mp4", ".mkv", ".avi")


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where the pictures come from."""

    source: tuple[str, ...]
    """A video, image, folder (of images or OpenPose JSON), quoted glob, webcam[:N], or a camera
    at rtsp:// or http://."""
    start: int = 0
    """First frame to use, counted from 0."""
    end: int | None = None
    """Stop before this frame."""
    step: int = 1
    """Use every STEP-th frame."""
    flip: bool = False
    """Mirror the picture left to right."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Turn the picture clockwise by so many degrees, after --flip."""
    camera_size: str | None = None
    """Picture size to ask of a webcam, or that keypoints were found in, as WIDTHxHEIGHT."""
    camera_fps: float | None = None
    """Frames a second to ask of a webcam, or that keypoints (30) or pictures (1) came at."""
    give_up: float = 60.0
    """Seconds to wait for a camera that is lost, or of several not there; then it is left out."""
    loop: bool = False
    """Play files again and again."""
    realtime: bool = False
    """Play a file at its own pace, as a camera would; frames are dropped where it is too fast."""
    offsets: str | None = None
    """Seconds to add to the times of some files before they are paired: cam1=0.12,cam2=-0.05."""

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
        size = self.camera_size
        if size is not None and not re.fullmatch(r"[1-9][0-9]{0,3}x[1-9][0-9]{0,3}", size):
            raise SettingsError(
                f"--camera-size {size!r} is not WIDTHxHEIGHT, for example 1280x720."
            )
        if self.camera_fps is not None and not 0.01 <= self.camera_fps <= 10_000:
            raise SettingsError("--camera-fps must be from 0.01 to 10000.")
        if not self.give_up >= 0:
            raise SettingsError("--give-up must be 0 or more seconds.")
        self.shifts()

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


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What finds the people."""

    model: str | None = None
    """A model's name (`python -m engines list`) or a model card of your own (a .toml file);
    human-pose-estimation-0001, or where that cannot be fetched, what comes with the program."""
    device: Literal["auto", "cuda", "cpu"] = "auto"
    """Where the network runs; auto takes an NVIDIA GPU that has all it needs, else the CPU."""
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    """Arithmetic of the network; auto takes the fastest that there are weights for. fp16 is for
    GPUs; CPUs take bf16 in its place."""
    height: int | None = None
    """Rows of the network's input: more find smaller people, fewer run faster (model's default;
    of upright pictures so many more that the network costs as much as with wide ones)."""
    peak_threshold: float | None = None
    """Least confidence of a keypoint (model's default)."""
    limb_threshold: float | None = None
    """Least affinity along a limb (model's default)."""
    min_keypoints: int | None = None
    """Drop people with fewer keypoints (model's default)."""
    min_score: float | None = None
    """Drop people with a lower score per keypoint (model's default)."""
    max_people: int | None = None
    """Keep only so many people of a frame: those with the oldest ids, or the best untracked."""

    def __post_init__(self) -> None:
        if self.height is not None and not 32 <= self.height <= 4096:
            raise SettingsError(f"--height {self.height} is not between 32 and 4096.")
        for name in ("min_keypoints", "max_people"):
            if (count := getattr(self, name)) is not None and count < 1:
                raise SettingsError(f"--{name.replace('_', '-')} {count} is not 1 or more.")
        for name in ("peak_threshold", "limb_threshold", "min_score"):
            if (value := getattr(self, name)) is not None and not 0 <= value < inf:
                raise SettingsError(f"--{name.replace('_', '-')} {value} is not 0 or more.")


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """Who is who from frame to frame."""

    track: bool = True
    """Give every person an id that stays, and carry them through short misses."""
    detect_every: int = 1
    """Run the network on every so many-th frame only; people are followed in between."""
    smooth: Literal["off", "one-euro"] = "off"
    """Calm trembling keypoints."""

    def __post_init__(self) -> None:
        if self.detect_every < 1:
            raise SettingsError(f"--detect-every {self.detect_every} is not 1 or more.")
        if not self.track and (self.detect_every > 1 or self.smooth != "off"):
            raise SettingsError("--detect-every and --smooth need ids; leave out --no-track.")


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """Where the poses go."""

    show: bool = field(default_factory=has_display)
    """Show the poses in a window; q or Esc quits. The default is whether there is a display."""
    output: Path | None = None
    """Write the pictures with the poses: .mp4, .mkv, .avi, a folder (a .jpg each), or one image."""
    mosaic: bool = False
    """Put the pictures of all sources into one, with --rig the people in space over them."""
    view: str = "skeleton"
    """What all pictures show: skeleton, heatmaps, pafs, or part:NAME (a keypoint's heat map)."""
    heatmaps: Path | None = None
    """Write OpenPose's heat map files, one a frame, into this folder."""
    heatmaps_format: Literal["png", "float"] = "png"
    """png: the maps side by side, 0 to 255; float: the network's own values, raw."""
    heatmaps_parts: bool = True
    """Keypoints' confidence in --heatmaps (OpenPose's heatmaps_add_parts)."""
    heatmaps_background: bool = True
    """The background's confidence in --heatmaps (OpenPose's heatmaps_add_bkg)."""
    heatmaps_pafs: bool = True
    """Part affinity fields in --heatmaps (OpenPose's heatmaps_add_PAFs)."""
    json: Path | None = None
    """Write OpenPose JSON files, one a frame, into this folder."""
    json_skeleton: Literal["coco17", "coco18", "body25"] | None = None
    """Keypoints of the --json and --json3d files (the model's own): COCO's 17, or OpenPose's 18 or
    25."""
    part_candidates: bool = False
    """Add OpenPose's part_candidates to --json: every keypoint found, whoever's it is."""
    coco: Path | None = None
    """Write COCO keypoint results to this file."""
    serve: str | None = None
    """Show everything live to browsers and programs, at [HOST:]PORT (this computer only)."""
    show3d: bool = False
    """Show the people in space live in a browser: /space of --serve (at 8080 without it)."""
    stay: bool = field(default_factory=has_terminal)
    """When files have ended keep the page of --show3d, which plays them again, until Ctrl-C. The
    default is whether there is a terminal."""
    ground: Literal["auto", "rig", "off"] = "auto"
    """The floor of --show3d: z = 0 of the rig where people stand on it, else where they do stand
    (auto); the rig's; or none."""
    serve_token: str | None = None
    """What others must know to be let in by --serve; needed unless HOST is this computer."""
    jsonl: Path | None = None
    """Write a line of JSON for each frame to this file, after a header line."""
    csv: Path | None = None
    """Write a table with a row for each person of each frame to this file, with --rig people in
    space to another (poses_3d.csv beside poses.csv)."""
    udp: str | None = None
    """Send each frame's line of JSON as a datagram to HOST:PORT."""
    mot: Path | None = None
    """Write boxes with ids as MOTChallenge text to this file."""
    angles: bool = False
    """Add each person's joint angles and speed to --jsonl, --udp and the pictures."""
    record: Path | None = None
    """Record every camera's own pictures, and timestamps.csv with their times, into this folder."""
    audio: bool = False
    """Copy the sound of the source, in step, into the video of --output."""
    stats: Path | None = None
    """Write the figures of the run (times, drops, versions, machine) as JSON at its end."""
    rig: Path | None = None
    """The calibrated cameras of the sources (a .toml): people are found in space, in metres."""
    json3d: Path | None = None
    """Write the people in space as OpenPose JSON, one file an instant, into this folder."""
    trc: Path | None = None
    """Write each person in space as markers for OpenSim: walk_person3.trc of walk.trc."""
    c3d: Path | None = None
    """Write the people in space to a C3D file (needs the package ezc3d)."""
    bvh: Path | None = None
    """Write each person in space as joint angles for Blender: walk_person3.bvh of walk.bvh."""
    bootstrap: Path | None = None
    """Write pictures of the instants on which three views and more agree best, with the people in
    space as COCO keypoint labels of each, ready for training, into this folder."""
    quiet: bool = False
    """No status line, no notices, no summary; errors only."""

    def __post_init__(self) -> None:
        if self.show3d and self.rig is None:
            raise SettingsError("--show3d needs the calibrated cameras: --rig FILE.toml.")
        if self.show3d and self.serve is None:
            object.__setattr__(self, "serve", "8080")
        check_access(self.serve, self.serve_token)
        for name in ("json3d", "trc", "c3d", "bvh", "bootstrap"):
            if getattr(self, name) is not None and self.rig is None:
                raise SettingsError(f"--{name} needs the calibrated cameras: --rig FILE.toml.")
        for name in ("trc", "c3d", "bvh"):
            file = getattr(self, name)
            if file is not None and file.suffix.lower() != f".{name}":
                raise SettingsError(f"--{name} {file}: the file's name must end in .{name}.")
        if self.part_candidates and (self.json is None or self.json_skeleton is not None):
            raise SettingsError(
                "--part-candidates adds the model's own keypoints to --json FOLDER; name a folder, "
                "and leave --json-skeleton away."
            )
        if not (self.heatmaps_parts or self.heatmaps_background or self.heatmaps_pafs):
            raise SettingsError("--heatmaps needs the parts, the background or the PAFs.")
        if self.audio and (self.output is None or self.output.suffix.lower() not in VIDEO_ENDINGS):
            raise SettingsError(
                f"--audio needs a video to go into: --output with {', '.join(VIDEO_ENDINGS)}."
            )


@dataclass(frozen=True, slots=True)
class Settings:
    """All of a run."""

    sources: SourceSettings
    models: ModelSettings = field(default_factory=ModelSettings)
    outputs: OutputSettings = field(default_factory=OutputSettings)
    tracks: TrackSettings = field(default_factory=TrackSettings)

    def __post_init__(self) -> None:
        if self.outputs.audio and self.sources.loop:
            raise SettingsError("--audio does not go with --loop: sound is copied once only.")
        if self.outputs.mosaic and len(self.sources.source) < 2:
            raise SettingsError("--mosaic needs several sources: give --source for each camera.")
        if self.outputs.mot is not None and not self.tracks.track:
            raise SettingsError("--mot needs ids; leave out --no-track.")
        maps = self.outputs.heatmaps is not None or self.outputs.part_candidates
        if maps and self.tracks.detect_every > 1:
            raise SettingsError(
                "--heatmaps and --part-candidates need the network on every frame; leave out "
                "--detect-every."
            )
