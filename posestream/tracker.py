"""Ids for people that any other program found."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from engines.types.arrays import Image
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from posestream.errors import PosestreamError, numbers, translated
from posestream.people import People
from realtime.settings.tracking import TrackSettings
from realtime.tracking.camera_tracker import CameraTracker
from realtime.types.frames import Frame


class Tracker:
    """Gives people of your own ids that last, by where they are (OKS) and, with pictures, by
    optical flow and appearance.

    skeleton: "coco17", "body25", "halpe26", ...; what the keypoints are. size: (width, height) of
    the pictures, needed where `update` gets none. fps: of frames that come without a time.

    >>> standing = np.random.default_rng(0).uniform(100, 300, (1, 17, 2))
    >>> tracker = Tracker("coco17", size=(640, 480), fps=30)
    >>> [tracker.update(standing + step).ids.tolist() for step in range(4)]
    [[1], [1], [1], [1]]
    """

    @translated()
    def __init__(
        self,
        skeleton: str = "coco17",
        *,
        size: tuple[int, int] | None = None,
        fps: float = 30.0,
        smooth: bool = False,
    ) -> None:
        if not isinstance(fps, int | float) or not 0 < fps < inf:
            raise PosestreamError(f"fps must be more than 0, not {fps!r}.")
        if size is not None and (np.shape(size) != (2,) or min(size) < 1):
            raise PosestreamError(f"size is (width, height) in pixels, not {size!r}.")
        self.skeleton = named_skeleton(skeleton)
        settings = TrackSettings(smooth="one-euro" if smooth else "off")
        self._tracker = CameraTracker(self.skeleton, settings)
        self._black = None if size is None else np.zeros((size[1], size[0], 3), np.uint8)
        self._fps, self._count = fps, -1

    def update(
        self,
        keypoints: ArrayLike,
        scores: ArrayLike | None = None,
        *,
        image: Image | None = None,
        time: float | None = None,
    ) -> People:
        """The People of the next frame.

        keypoints: (P, K, 2) pixels, NaN = not found; or (P, K, 3) with the scores. scores: (P, K)
        0..1, 1 where they are left out. image: (H, W, 3) uint8 BGR. time: seconds, rising.
        """
        poses = self._poses(keypoints, scores)
        image = self._black if image is None else np.array(image, np.uint8)
        if image is None:
            raise PosestreamError("Give update(image=...), or Tracker(size=(width, height)).")
        self._count += 1
        now = self._count / self._fps if time is None else float(time)
        frame = Frame("camera", self._count, str(self._count), now, now, image)
        return People(self._tracker.update(frame, poses), "camera", self._count, now)

    def _poses(self, keypoints: ArrayLike, scores: ArrayLike | None) -> Poses:
        count = len(self.skeleton.keypoints)
        xy = numbers(keypoints, "Keypoints").astype(np.float32)
        if not xy.size:
            return Poses.nobody(self.skeleton)
        if xy.ndim != 3 or xy.shape[1] != count or xy.shape[2] not in (2, 3):
            raise PosestreamError(
                f"Keypoints of {self.skeleton.name} are an array (people, {count}, 2 or 3), not "
                f"{xy.shape}."
            )
        if xy.shape[2] == 3:
            xy, scores = xy[..., :2], xy[..., 2] if scores is None else scores
        given = np.ones(xy.shape[:2]) if scores is None else numbers(scores, "Scores")
        score = given.astype(np.float32)
        if score.shape != xy.shape[:2]:
            raise PosestreamError(f"Scores have shape {score.shape}, not {xy.shape[:2]}.")
        found = np.isfinite(xy).all(2) & (score > 0)
        xy = np.where(found[..., None], xy, np.float32(np.nan))
        score = np.where(found, np.clip(score, 0, 1), np.float32(0))
        person = score[:, np.array(self.skeleton.body)].mean(1)
        return Poses(self.skeleton, xy, score, np.asarray(person, np.float32))


def names_of(skeleton: str) -> Sequence[str]:
    """The keypoints of a skeleton that this package knows, in order."""
    with translated():
        return named_skeleton(skeleton).keypoints
