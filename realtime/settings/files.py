"""Which files are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from realtime.types.errors import SettingsError

VIDEO_ENDINGS = (".mp4", ".mkv", ".avi")
TAKE_FILES = ("trc", "c3d", "bvh", "glb")  # made when the run has ended, of its journal
JsonSkeleton = Literal[
    "coco17",
    "coco18",
    "coco21",
    "body19",
    "body25",
    "halpe26",
    "mpi15",
    "blaze33",
    "coco133",
    "body135",
    "hand21",
    "face70",
    "car12",
    "car22",
]
CocoVariant = Literal["body", "foot", "hand", "face", "wholebody"]


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Files to write."""

    output: Path | None = field(default=None, metadata={"short": "o"})
    """Write the pictures with the poses drawn: a video (.mp4, .mkv, .avi), a folder of .jpg files,
    or one image."""
    image_format: Literal["jpg", "png"] = "jpg"
    """Format of the pictures in a folder of --output."""
    audio: bool = False
    """Copy the sound of the source into the video of --output, in sync."""
    json: Path | None = field(default=None, metadata={"short": "j"})
    """Write OpenPose JSON into this folder, one file for each frame."""
    json_skeleton: JsonSkeleton | None = None
    """Skeleton of the --json and --json3d files, matched by keypoint names; the model's own by
    default."""
    json_units: Literal["px", "unit", "signed"] = "px"
    """Coordinates in --json: pixels, 0 to 1 (unit) or -1 to 1 (signed) from the first pixel's
    centre to the last one's."""
    part_candidates: bool = False
    """Add OpenPose's part_candidates to --json: all keypoints found, also those of nobody."""
    heatmaps: Path | None = None
    """Write OpenPose heat maps into this folder, one file for each frame."""
    heatmaps_format: Literal["png", "float"] = "png"
    """png: maps side by side, scaled to 0-255; float: raw network values."""
    heatmaps_parts: bool = True
    """Include the keypoints' confidence maps in --heatmaps."""
    heatmaps_background: bool = True
    """Include the background map in --heatmaps."""
    heatmaps_pafs: bool = True
    """Include the part affinity fields in --heatmaps."""
    coco: Path | None = None
    """Write COCO keypoint results to this JSON file."""
    coco_keypoints: CocoVariant | None = None
    """Whose keypoints the --coco file holds: 17 of the body, 6 of the feet, 42 of the hands, 68 of
    the face, or all 133. By default the body's, with the others in fields of their own."""
    jsonl: Path | None = None
    """Write one line of JSON for each frame to this file, after a header line."""
    csv: Path | None = None
    """Write a table to this file, one row for each person and frame. With --rig, 3D people go to a
    second file (poses_3d.csv beside poses.csv)."""
    csv_format: Literal["wide", "long"] = "wide"
    """wide: one row for each person and frame; long: one row for each keypoint found, with frame,
    time, camera, person, keypoint, x, y, score (3D: x, y, z, score, error, covariance)."""
    parquet: Path | None = None
    """Write the long table to this Parquet file. With --rig, 3D people go to a second file
    (poses_3d.parquet beside poses.parquet). Needs the package pyarrow."""
    mot: Path | None = None
    """Write boxes with ids to this file, in MOTChallenge format."""
    record: Path | None = None
    """Record the original pictures of every camera into this folder, with their times in
    timestamps.csv."""
    stats: Path | None = None
    """Write statistics of the run (times, drops, versions, machine) to this JSON file."""
    report: Path | None = None
    """Write a web page (.html) for coaches: each person's squats, jumps and throws, with joint
    angles and speeds over time."""
    json3d: Path | None = None
    """Write 3D people as OpenPose JSON into this folder, one file for each frame."""
    output3d: Path | None = None
    """Write a video (.mp4, .mkv, .avi) of the 3D people, seen from beside the cameras."""
    turn3d: float = 0.0
    """Degrees per second by which the view of --output3d goes round the people."""
    trc: Path | None = None
    """Write each 3D person as markers for OpenSim: walk.trc gives walk_person3.trc etc."""
    c3d: Path | None = None
    """Write 3D people to this C3D file; needs the package ezc3d."""
    bvh: Path | None = None
    """Write each 3D person as joint angles for Blender: walk.bvh gives walk_person3.bvh etc."""
    bvh_unit: Literal["m", "cm"] = "m"
    """Unit of --bvh: metres, as Blender reads them, or centimetres, as MotionBuilder and others
    do."""
    glb: Path | None = None
    """Write 3D people to this glTF file, a skeleton and an animation of each, for Blender, three.js
    and game engines."""
    bootstrap: Path | None = None
    """Write training data into this folder: frames on which three or more views agree best, with
    the reprojected 3D people as COCO keypoint labels."""

    overwrite: bool = False
    """Remove what earlier runs left in the folders of --json, --json3d, --heatmaps and --output,
    and their --trc, --bvh and --c3d files of other people; nothing else is removed."""

    def __post_init__(self) -> None:
        for name in (*TAKE_FILES, "parquet"):
            file = getattr(self, name)
            if file is not None and file.suffix.lower() != f".{name}":
                raise SettingsError(f"--{name} {file}: the file's name must end in .{name}.")
        if self.report is not None and self.report.suffix.lower() != ".html":
            raise SettingsError(f"--report {self.report}: the file's name must end in .html.")
        if self.part_candidates and (self.json is None or self.json_skeleton is not None):
            raise SettingsError(
                "--part-candidates adds the model's own keypoints to --json FOLDER; add --json "
                "and leave out --json-skeleton."
            )
        if self.coco_keypoints is not None and self.coco is None:
            raise SettingsError(
                "--coco-keypoints says what --coco FILE holds; add --coco, or leave it out."
            )
        if not (self.heatmaps_parts or self.heatmaps_background or self.heatmaps_pafs):
            raise SettingsError("--heatmaps needs at least one of parts, background and PAFs.")
        if self.output3d is not None and self.output3d.suffix.lower() not in VIDEO_ENDINGS:
            raise SettingsError(
                f"--output3d {self.output3d}: the file's name must end in "
                f"{', '.join(VIDEO_ENDINGS)}."
            )
        if not abs(self.turn3d) < 3600:
            raise SettingsError("--turn3d must be below 3600 degrees per second either way.")
        if self.json_units != "px" and self.json is None:
            raise SettingsError("--json-units is about --json; add --json FOLDER.")
        if self.audio and (self.output is None or self.output.suffix.lower() not in VIDEO_ENDINGS):
            raise SettingsError(
                f"--audio needs a video to write to: --output with {', '.join(VIDEO_ENDINGS)}."
            )
