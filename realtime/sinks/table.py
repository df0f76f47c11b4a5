"""The outputs in files, a line each: the option, what opens it, and whose path it is.

The option is a field of FileSettings. A sink is given what it needs, never the settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from calibration.files.rig_toml import rig_toml
from calibration.geometry.camera import Rig
from engines.types.skeleton import Skeleton
from realtime.drawing.overlay import Overlay
from realtime.drawing.space_view import SpaceView
from realtime.mocap.journal import Head
from realtime.mocap.outputs import take_files
from realtime.mocap.take_sink import TakeSink
from realtime.settings.files import TAKE_FILES, VIDEO_ENDINGS, FileSettings
from realtime.sinks.files import image_files as images
from realtime.sinks.files.audio_track import open_sound
from realtime.sinks.files.bootstrap import BootstrapSink
from realtime.sinks.files.coco_results import CocoSink
from realtime.sinks.files.csv_3d import Csv3DSink, csv3d_path
from realtime.sinks.files.image_files import ImageSink, ImagesSink
from realtime.sinks.files.jsonl_csv_udp import CsvSink, JsonLinesSink
from realtime.sinks.files.mot_challenge import MotSink
from realtime.sinks.files.openpose_heatmaps import HeatmapsSink, Kind
from realtime.sinks.files.openpose_json_2d import JsonSink, json_skeleton
from realtime.sinks.files.openpose_json_3d import Json3DSink
from realtime.sinks.files.report import ReportSink
from realtime.sinks.files.video_file import VideoSink
from realtime.sinks.protocol import Sink
from realtime.sinks.tables.long_rows import Rows2D, Rows3D
from realtime.sinks.tables.parquet import Parquet
from realtime.sinks.tables.table_sink import LongCsv, TableSink
from realtime.types.errors import OutputError
from realtime.types.frames import Source
from realtime.types.model import Model
from realtime.writing.header import Header
from realtime.writing.json_text import ResultLines


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """What there is to open an output with.

    source: whose pictures, sound or rate it takes; origin: what --source calls it. taken: files
    that no output may overwrite. overlay, lines: what several outputs share. header: what they
    say of the run. angles: whether tables have joint angles and speeds. events: whether they have
    what people do; with a rig those of 3D people alone. stature: --person-height.
    """

    files: FileSettings
    source: Source
    origin: str
    taken: list[Path]
    overlay: Overlay
    lines: ResultLines
    header: Header
    model: Model
    angles: bool = False
    events: bool = False
    stature: float | None = None

    @property
    def skeleton(self) -> Skeleton:
        return self.model.skeleton

    @property
    def target(self) -> Skeleton | None:
        """Whose keypoints OpenPose's JSON has, None = the model's; OutputError where it has none
        of them.
        """
        return json_skeleton(self.files.json_skeleton, self.skeleton)


def within(path: Path, name: str) -> Path:
    """One source's folder in a folder."""
    return path / name


def beside(path: Path, name: str) -> Path:
    """One source's file: `poses_cam1.mp4` of `poses.mp4`; of a folder its folder."""
    if os.path.isdir(path) or not path.suffix:
        return path / name
    return path.with_name(f"{path.stem}_{name}{path.suffix}")


def _pictures(path: Path, of: Opening) -> Sink:
    ending = path.suffix.lower()
    if os.path.isdir(path) or not ending:
        return ImagesSink(path, of.taken, of.overlay, f".{of.files.image_format}")
    if ending in VIDEO_ENDINGS:
        sound = open_sound(of.source, of.origin) if of.files.audio else None
        return VideoSink(path, of.source.rate, of.taken, of.overlay, sound)
    if ending in images.WRITABLE_ENDINGS:
        return ImageSink(path, of.source, of.taken, of.overlay)
    raise OutputError(
        f"--output {path}: {ending} files cannot be written; choose "
        f"{', '.join(VIDEO_ENDINGS)}, {', '.join(images.WRITABLE_ENDINGS)} or a folder."
    )


def _heatmaps(path: Path, of: Opening) -> Sink:
    kinds: dict[Kind, bool] = {
        "parts": of.files.heatmaps_parts,
        "background": of.files.heatmaps_background,
        "pafs": of.files.heatmaps_pafs,
    }
    wanted = frozenset(kind for kind, given in kinds.items() if given)
    return HeatmapsSink(path, of.files.heatmaps_format, wanted, of.overlay.shown)


def _space_video(path: Path, of: Opening, rig: Rig, _: str) -> Sink:
    view = SpaceView(rig, of.files.turn3d)
    return VideoSink(path, of.source.rate, of.taken, view, option="--output3d")


def _table(path: Path, of: Opening) -> Sink:
    if of.files.csv_format == "long":
        rows = Rows2D(of.skeleton, angles=of.angles)
        return TableSink(path, LongCsv(path, of.taken, rows), rows, of.header)
    events = of.events and of.header.rig is None
    return CsvSink(path, of.taken, of.skeleton, angles=of.angles, events=events)


def _table_3d(path: Path, of: Opening, *_: object) -> Sink:
    path = csv3d_path(path)
    if of.files.csv_format == "long":
        rows = Rows3D(of.skeleton, angles=of.angles)
        return TableSink(path, LongCsv(path, of.taken, rows), rows, of.header)
    return Csv3DSink(path, of.taken, of.skeleton, angles=of.angles, events=of.events)


def _parquet(path: Path, of: Opening) -> Sink:
    rows = Rows2D(of.skeleton, angles=of.angles)
    return TableSink(path, Parquet(path, of.taken, rows, of.header), rows, of.header)


def _parquet_3d(path: Path, of: Opening, *_: object) -> Sink:
    path, rows = csv3d_path(path), Rows3D(of.skeleton, angles=of.angles)
    return TableSink(path, Parquet(path, of.taken, rows, of.header), rows, of.header)


class Output(NamedTuple):
    """An output. own: the path of one source of several."""

    option: str
    open: Callable[[Path, Opening], Sink]
    own: Callable[[Path, str], Path]


class SharedOutput(NamedTuple):
    """An output that names the source in every line, so that one serves all sources."""

    option: str
    open: Callable[[Path, Opening], Sink]


class Output3D(NamedTuple):
    """An output of 3D people."""

    option: str
    open: Callable[[Path, Opening, Rig, str], Sink]


# In the order in which the summary names them.
OF_EACH_SOURCE = (
    Output("output", _pictures, beside),
    Output(
        "json",
        lambda path, of: JsonSink(
            path,
            of.target,
            of.taken,
            candidates=of.files.part_candidates,
            units=of.files.json_units,
        ),
        within,
    ),
    Output(
        "coco",
        lambda path, of: CocoSink(path, of.taken, of.skeleton, of.files.coco_keypoints),
        beside,
    ),
    Output("heatmaps", _heatmaps, within),
    Output("mot", lambda path, of: MotSink(path, of.taken), beside),
)
OF_ALL_SOURCES = (
    SharedOutput("jsonl", lambda path, of: JsonLinesSink(path, of.taken, of.header, of.lines)),
    SharedOutput("csv", _table),
    SharedOutput("parquet", _parquet),
    SharedOutput("report", lambda path, of: ReportSink(path, of.taken, of.header, of.stature)),
)
OF_3D = (
    Output3D("json3d", lambda path, of, rig, name: Json3DSink(path, name, of.target)),
    Output3D("output3d", _space_video),
    Output3D("bootstrap", lambda path, of, rig, _: BootstrapSink(path, rig, of.skeleton)),
    Output3D("csv", _table_3d),
    Output3D("parquet", _parquet_3d),
)


def open_takes(of: Opening, rig: Rig) -> Iterator[TakeSink]:
    """The files that need the whole run, which share a journal."""
    paths = {
        option: path for option in TAKE_FILES if (path := getattr(of.files, option)) is not None
    }
    if not paths:
        return
    outputs = tuple((option, str(path.absolute())) for option, path in paths.items())
    unit = of.files.bvh_unit
    head = Head(of.skeleton, of.source.rate, rig_toml(rig), outputs, unit)
    yield TakeSink(take_files(paths, rig, unit), head, of.taken, overwrite=of.files.overwrite)
