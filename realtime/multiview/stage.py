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
from realtime.types.errors import SettingsError, SourceError
from realtime.types.results import Poses3D, View

LOG = logging.getLogger(__name__)


class RigStage:
    """The people of a rig whose cameras are in the order of the sources.

    names: of the sources, for messages. budget: seconds that an instant may take;
    what is not refined by then stays as it is. ground: where the floor is. min_views: cameras that
    a keypoint must rest on to be given, None = also those that are carried on without two.
    """

    def __init__(
        self,
        rig: Rig,
        skeleton: Skeleton,
        names: Sequence[str] = (),
        budget: float = np.inf,
        clock: Callable[[], float] = monotonic,
        ground: GroundChoice = "auto",
        min_views: int | None = None,
    ) -> None:
        if min_views is not None and min_views > len(rig):
            raise SettingsError(
                f"--min-views {min_views} is more than there are: the rig has {len(rig)} cameras."
            )
        self._min_views = min_views
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
        return poses if self._min_views is None else seen_by(poses, self._min_views)

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


def seen_by(poses: Poses3D, views: int) -> Poses3D:
    """Without the keypoints that rest on fewer views, and without people of whom none is left."""
    few = poses.views < views
    xyz = np.where(few[..., None], np.float32(np.nan), poses.xyz)
    error = np.where(few, np.float32(np.nan), poses.error)
    covariance = poses.covariance
    if covariance is not None:
        covariance = np.where(few[..., None, None], np.float32(np.nan), covariance)
    measured = poses.measured
    if measured is not None:
        measured = np.where(few[..., None], np.float32(np.nan), measured)
    kept = replace(
        poses,
        xyz=xyz,
        error=error,
        covariance=covariance,
        measured=measured,
        filled=poses.filled & ~few,
    )
    return kept.some(np.flatnonzero(kept.found.any(axis=1)))
