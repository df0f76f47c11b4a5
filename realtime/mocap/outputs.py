"""The kinds of files that are made of a take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from calibration.geometry.camera import Rig
from calibration.plots.viewpoint import upwards
from realtime.mocap.bvh import BvhUnit, bvh_files
from realtime.mocap.c3d import c3d_files, check_ezc3d
from realtime.mocap.gltf import gltf_files
from realtime.mocap.take_sink import TakeFile
from realtime.mocap.trc import trc_files
from realtime.mocap.up_axis import turned_up


def take_files(paths: Mapping[str, Path], rig: Rig, unit: BvhUnit = "m") -> list[TakeFile]:
    """What makes the files, of paths by option; OutputError where a library is missing for one.

    unit: of BVH files.
    """
    turn = turned_up(upwards(rig), 1)
    kinds: Sequence[tuple[str, Callable[..., Iterator[tuple[Path, Iterator[bytes]]]], str]] = (
        ("trc", partial(trc_files, turn=turn), "_person"),
        ("c3d", partial(c3d_files, rig=rig), "_"),
        ("bvh", partial(bvh_files, turn=turn, unit=unit), "_person"),
        ("glb", partial(gltf_files, turn=turn), ""),
    )
    if "c3d" in paths:
        check_ezc3d()
    return [
        TakeFile(f"--{option}", paths[option], files, between)
        for option, files, between in kinds
        if option in paths
    ]
