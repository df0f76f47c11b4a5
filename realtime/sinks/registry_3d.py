"""The outputs that the settings ask for of people in space."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from calibration.geometry.camera import Rig
from calibration.plots.viewpoint import upwards
from engines.types.skeleton import Skeleton
from realtime.mocap.bvh import bvh_files
from realtime.mocap.c3d import c3d_files, check_ezc3d
from realtime.mocap.take import Recording
from realtime.mocap.take_sink import TakeFile, TakeSink, of_person
from realtime.mocap.trc import trc_files
from realtime.mocap.up_axis import turned_up
from realtime.settings.all import OutputSettings
from realtime.sinks.files.bootstrap import BootstrapSink
from realtime.sinks.files.csv_3d import Csv3DSink, csv3d_path
from realtime.sinks.files.openpose_json_2d import json_skeleton
from realtime.sinks.files.openpose_json_3d import Json3DSink
from realtime.types.frames import Source


def open_space(
    settings: OutputSettings, source: Source, taken: list[Path], skeleton: Skeleton, rig: Rig
) -> Iterator[BootstrapSink | Csv3DSink | Json3DSink | TakeSink]:
    """source: whose rate files at a constant rate take. taken: files to leave alone."""
    if settings.json3d is not None and settings.rig is not None:
        target = json_skeleton(settings.json_skeleton, skeleton)
        yield Json3DSink(settings.json3d, settings.rig.stem, target)
    if settings.csv is not None:
        yield Csv3DSink(csv3d_path(settings.csv), taken, skeleton)
    if settings.bootstrap is not None:
        yield BootstrapSink(settings.bootstrap, rig, skeleton)
    takes: list[TakeFile] = []
    turn = turned_up(upwards(rig), 1)
    if settings.trc is not None:
        takes.append(TakeFile("--trc", settings.trc, partial(trc_files, turn=turn), ".trc"))
    if settings.c3d is not None:
        check_ezc3d()
        takes.append(TakeFile("--c3d", settings.c3d, partial(c3d_files, rig=rig)))
    if settings.bvh is not None:
        takes.append(TakeFile("--bvh", settings.bvh, partial(bvh_files, turn=turn), ".bvh"))
    if takes:
        yield TakeSink(takes, Recording(skeleton, source.rate), taken)


def space_files(settings: OutputSettings) -> list[Path | None]:
    """What they write, for the summary."""
    return [
        settings.json3d,
        settings.bootstrap,
        settings.csv and csv3d_path(settings.csv),
        settings.trc and of_person(settings.trc, "*", ".trc"),
        settings.c3d,
        settings.bvh and of_person(settings.bvh, "*", ".bvh"),
    ]
