"""Which files are written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from realtime.types.errors import SettingsError

VIDEO_ENDINGS = (".mp4", ".mkv", ".avi")


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Files to write."""

    output: Path | None = None
    """Write the pictures with the poses: .mp4, .mkv, .avi, a folder (a .jpg each), or one image."""
    audio: bool = False
    """Copy the sound of the source, in step, into the video of --output."""
    json: Path | None = None
    """Write OpenPose JSON files, one a frame, into this folder."""
    json_skeleton: Literal["coco17", "coco18", "body25"] | None = None
    """Keypoints of the --json and --json3d files (the model's own): COCO's 17, or OpenPose's 18 or
    25."""
    part_candidates: bool = False
    """Add OpenPose's part_candidates to --json: every keypoint found, whoever's it is."""
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
    coco: Path | None = None
    """Write COCO keypoint results to this file."""
    jsonl: Path | None = None
    """Write a line of JSON for each frame to this file, after a header line."""
    csv: Path | None = None
    """Write a table with a row for each person of each frame to this file, with --rig people in
    space to another (poses_3d.csv beside poses.csv)."""
    mot: Path | None = None
    """Write boxes with ids as MOTChallenge text to this file."""
    record: Path | None = None
    """Record every camera's own pictures, and timestamps.csv with their times, into this folder."""
    stats: Path | None = None
    """Write the figures of the run (times, drops, versions, machine) as JSON at its end."""
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

    def __post_init__(self) -> None:
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
