"""The stage of a run that makes 3D people of the views of a rig."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic

import numpy as np

from calibration.geometry.camera import Rig
from calibration.geometry.errors import CalibrationError
from engines.types.skeleton import Skeleton
from realtime.multiview.floor import Ground, GroundChoice
from realtime.multiview.reconstructor import MultiViewReconstructor
from realtime.multiview.rig_monitor import RigMonitor
from realtime.types.errors import SourceError
from realtime.types.results import Poses3D, View

LOG = logging.getLogger(__name__)


class RigStage:
    """The people of a rig whose cameras are in the order of the sources.

    names: of the sources, for messages. budget: seconds that an instant may take;
    what is not refined by then stays as it is. ground: where the floor is.
    """

    def __init__(
        self,
        rig: Rig,
        skeleton: Skeleton,
        names: Sequence[str] = (),
        budget: float = np.inf,
        clock: Callable[[], float] = monotonic,
        ground: GroundChoice = "auto",
    ) -> None:
        self._rig = rig
        self._reconstructor = MultiViewReconstructor(rig, skeleton)
        self._ground = Ground(rig, skeleton, ground)
        self._watch = RigMonitor(rig, names or [camera.name for camera in rig.cameras])
        self._sizes: dict[str, tuple[int, int]] = {}
        self._budget = budget
        self._clock = clock
        self._instants = self._unrefined = 0

    def update(self, time: float, views: Sequence[View | None]) -> Poses3D:
        """The 3D people at the next instant, see `realtime.types.protocols.Reconstructor`.

        SourceError where pictures are of another shape than their camera's, or two are the same.
        """
        deadline = self._clock() + self._budget
        for number, view in enumerate(views):
            if view is not None:
                self._check(number, view)
        poses = self._reconstructor.update(time, views, deadline)
        poses = replace(poses, ground=self._ground.update(poses))
        self._watch.look(time, views, poses, self._reconstructor.timing)
        self._instants += 1
        self._unrefined += not poses.refined
        return poses

    def close(self) -> None:
        """Log the warnings about the whole run."""
        self._watch.close()
        if self._unrefined:
            LOG.warning(
                "3D people were not fully refined in %d of %d frames: each had at most %.0f ms.",
                *(self._unrefined, self._instants, 1e3 * self._budget),
            )

    def _check(self, number: int, view: View) -> None:
        camera, size = self._rig.cameras[number], view.frame.size
        if self._sizes.get(camera.name) == size:
            return
        self._sizes[camera.name] = size
        try:
            camera.scale(size)
        except CalibrationError as error:
            raise SourceError(f"{view.frame.camera} does not fit the rig: {error}") from error
        across, down = (have / want for have, want in zip(size, camera.size, strict=True))
        if abs(across / down - 1) > 1e-6:
            LOG.warning(
                "%s gives %dx%d pictures, but its camera was calibrated at %dx%d. They are treated "
                "as cropped at the right or bottom.",
                *(view.frame.camera, *size, *camera.size),
            )
