"""Sources and the cameras of a rig together: people in space, with their ids in each view."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calibration.camera import Rig
from calibration.errors import CalibrationError
from engines.skeleton import Skeleton
from realtime.errors import SourceError
from realtime.poses import Poses3D, View
from realtime.reconstruct import Reconstructor

LOG = logging.getLogger(__name__)


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
