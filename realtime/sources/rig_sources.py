"""Sources and the cameras of a rig file: which is which, how large, how far apart in time."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from calibration.files.rig_toml import read_offsets, read_rig
from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError
from realtime.settings.sources import SourceSettings
from realtime.sources import open_sources, shifted
from realtime.sources.lens.undistorted import Lens, ideal, lenses, straightened
from realtime.sources.mapped import MappedSource
from realtime.sources.maps.map_source import MapReading
from realtime.types.errors import SettingsError
from realtime.types.frames import Source

LOG = logging.getLogger(__name__)
MIN_BASELINE_M = 0.01  # metres between two cameras below which they have no depth in common


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A rig whose cameras are in the order of the sources.

    offsets: seconds to add to the times of some sources, by their names.
    """

    rig: Rig
    offsets: Mapping[str, float]


def open_fitting(
    wanted: SourceSettings,
    path: Path | None = None,
    *,
    announce: bool = False,
    maps: Callable[[], MapReading] | None = None,
    origin: float = 0.0,
) -> tuple[list[Source], Rig | None]:
    """The sources, to be entered, with their times shifted; their cameras where there is a rig.

    path: of the rig file. announce: say which source is which camera. maps: how folders of heat
    maps are read. origin: of the times of live frames, on the monotonic clock.
    """
    sizes: list[tuple[int, int] | None] = [None] * len(wanted.source)
    sources = open_sources(wanted, sizes=sizes, maps=maps, origin=origin)
    names = [source.name for source in sources]
    offsets, rig = wanted.shifts(), None
    if path is not None:
        fitted = open_rig(path, names, wanted.source, announce=announce)
        rig = fitted.rig
        sizes[:] = [camera.size for camera in rig.cameras]  # which sources ask for when entered
        if not sources[0].live:
            offsets = {**fitted.offsets, **offsets}
    if wanted.undistort is not None:
        if path is None:
            cameras = lenses(wanted.undistort, names, wanted.size)
        elif os.path.realpath(path) == os.path.realpath(wanted.undistort):
            assert rig is not None
            cameras = list(rig.cameras)
            rig = Rig(tuple(ideal(camera) for camera in cameras))
        else:
            raise SettingsError(
                f"With --rig the lenses are those of the rig; write --undistort {path}."
            )
        sources = [
            MappedSource(source, partial(straightened, lens=Lens(camera)), source.name)
            if camera.fisheye or camera.distortion.any()
            else source
            for source, camera in zip(sources, cameras, strict=True)
        ]
    if offsets and sources[0].live:
        raise SettingsError("--offsets is for files; cameras are paired by the time of capture.")
    if missing := [name for name in offsets if name not in names]:
        raise SettingsError(
            f"--offsets names {', '.join(missing)}, but the sources are {', '.join(names)}."
        )
    return shifted(sources, offsets), rig


def open_rig(
    path: Path, names: Sequence[str], given: Sequence[str] = (), *, announce: bool = False
) -> Fitted:
    """The cameras of a rig file in the order of the sources; announce: say which is which.

    By names where each source has its camera, else by order. given: the sources as the user wrote
    them. SettingsError where they do not fit.
    """
    try:
        rig = read_rig(path)
        known_offsets = read_offsets(path)
    except CalibrationError as error:
        raise SettingsError(f"--rig: {error}") from error
    if len(names) < 2:
        raise SettingsError("--rig needs at least two sources, one for each camera.")
    _check_twice(given)
    known = {camera.name: camera for camera in rig.cameras}
    if set(names) <= known.keys():
        chosen = tuple(known[name] for name in names)
    elif len(names) == len(rig):
        chosen = rig.cameras
        for name, camera in zip(names, chosen, strict=True):
            if name in known and name != camera.name:
                raise SettingsError(
                    f"--rig {path.name} has a camera {name}, but by order source {name} would be "
                    f"its camera {camera.name}. Name all sources after their cameras, or "
                    "none."
                )
    else:
        raise SettingsError(
            f"--rig {path.name} has the cameras {', '.join(known)}, but the sources "
            f"are {', '.join(names)}. Give them the same names, or one source per camera, in the "
            "order of the rig."
        )
    pairs = ", ".join(f"{n} = {c.name}" for n, c in zip(names, chosen, strict=True))
    if announce:
        sys.stderr.write(f"posestream: sources and the cameras of {path.name}: {pairs}\n")
    fitted = Rig(chosen)
    _check_places(fitted, path.name)
    offsets = {
        name: known_offsets[camera.name]
        for name, camera in zip(names, chosen, strict=True)
        if camera.name in known_offsets
    }
    return Fitted(fitted, offsets)


def _check_twice(given: Sequence[str]) -> None:
    """The same picture twice gives people at places that mean nothing."""
    seen: dict[str, str] = {}
    for source in given:
        where = os.path.expanduser(source)
        key = os.path.realpath(where) if os.path.exists(where) else source
        if key in seen:
            same = f"{seen[key]} and {source} are the same"
            twice = f"{source} is given twice" if seen[key] == source else same
            raise SettingsError(f"--rig needs a different source for each camera, but {twice}.")
        seen[key] = source


def _check_places(rig: Rig, name: str) -> None:
    close = [
        (one, other)
        for one, other in combinations(range(len(rig)), 2)
        if np.linalg.norm(rig.centres[one] - rig.centres[other]) < MIN_BASELINE_M
    ]
    if len(close) == len(rig) * (len(rig) - 1) // 2:
        raise SettingsError(
            f"--rig {name}: all cameras are at the same position, so nothing has a depth; "
            "calibrate their positions (python -m calibration extrinsics)."
        )
    for one, other in close:
        LOG.warning(
            "Cameras %s and %s of %s are at the same position, so what only these two see has no "
            "depth. If they are two cameras, calibrate them again.",
            *(rig.cameras[one].name, rig.cameras[other].name, name),
        )
