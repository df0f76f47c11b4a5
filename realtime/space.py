"""Sources and the cameras of a rig together: people in space, with their ids in each view."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from calibration.camera import Rig
from calibration.errors import CalibrationError
from calibration.rigfile import read_rig
from engines.skeleton import Skeleton
from realtime.errors import SettingsError, SourceError
from realtime.poses import Poses3D, View
from realtime.reconstruct import Reconstructor

LOG = logging.getLogger("posestream")


class Space:
    """The people of a rig whose cameras are in the order of the sources."""

    def __init__(self, rig: Rig, skeleton: Skeleton) -> None:
        self._rig = rig
        self._reconstructor = Reconstructor(rig, skeleton)
        self._sizes: dict[str, tuple[int, int]] = {}

    def place(
        self, time: float, views: Sequence[View | None]
    ) -> tuple[tuple[View | None, ...], Poses3D]:
        """The views with the ids of the people in space (-1 = not in space), and those people.

        SourceError where pictures are of another shape than their camera's.
        """
        for number, view in enumerate(views):
            if view is not None:
                self._check(number, view)
        poses = self._reconstructor.update(time, views)
        named = []
        for number, view in enumerate(views):
            if view is not None:
                own = np.full(len(view.tracks), -1, np.int64)
                there = poses.detections[:, number] >= 0
                own[poses.detections[there, number]] = poses.id[there]
                view = replace(view, tracks=replace(view.tracks, id=own))
            named.append(view)
        return tuple(named), poses

    def _check(self, number: int, view: View) -> None:
        camera, size = self._rig.cameras[number], view.frame.size
        if self._sizes.get(camera.name) == size:
            return
        self._sizes[camera.name] = size
        try:
            camera.scaled(size)
        except CalibrationError as error:
            raise SourceError(f"{view.frame.camera} does not fit the rig: {error}") from error
        across, down = (have / want for have, want in zip(size, camera.size, strict=True))
        if abs(across / down - 1) > 1e-6:
            LOG.warning(
                "%s gives %dx%d pictures, its camera was calibrated for %dx%d: a hundredth or "
                "less, scaled.",
                *(view.frame.camera, *size, *camera.size),
            )


def open_rig(path: Path, names: Sequence[str], *, announce: bool = False) -> Rig:
    """The cameras of a rig file in the order of the sources; announce: say which is which.

    By names where each source has its camera, else by order; SettingsError where they do not fit.
    """
    try:
        rig = read_rig(path)
    except CalibrationError as error:
        raise SettingsError(f"--rig: {error}") from error
    if len(names) < 2:
        raise SettingsError("--rig needs at least two sources, one for each camera.")
    known = {camera.name: camera for camera in rig.cameras}
    if set(names) <= known.keys():
        chosen = tuple(known[name] for name in names)
    elif len(names) == len(rig):
        chosen = rig.cameras
    else:
        raise SettingsError(
            f"--rig {path.name} has the cameras {', '.join(known)}, the sources are "
            f"{', '.join(names)}: give them the same names, or a source for each camera in order."
        )
    pairs = ", ".join(f"{n} = {c.name}" for n, c in zip(names, chosen, strict=True))
    if announce:
        sys.stderr.write(f"posestream: sources and the cameras of {path.name}: {pairs}\n")
    return Rig(chosen)
