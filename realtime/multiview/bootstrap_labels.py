"""Labels that cameras give each other: 3D people, where the views agree, as each view has
them. "Hand Keypoint Detection in Single Images using Multiview Bootstrapping" (Simon, Joo,
Matthews, Sheikh, CVPR'17), section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.camera import Rig
from calibration.geometry.triangulation import triangulate
from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from realtime.multiview.association import Association
from realtime.multiview.bone_lengths import BoneLengths
from realtime.types.results import Result
from realtime.types.sightings import keypoints_seen

MIN_VIEWS = 3  # that must agree on a keypoint: two may agree on a mistake
MIN_KEYPOINTS = 8  # of the body that must be known so: fewer are no person to learn from
MAX_ASYMMETRY = 1.3  # ratio of a bone to its twin on the other side that no person exceeds

OUT, HIDDEN, SEEN = 0, 1, 2  # COCO's words for keypoints: not labelled, not visible, visible


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """P people in V views at one instant.

    xy: (V, P, K, 2) pixels of the pictures. state: (V, P, K) of OUT, HIDDEN (the view itself saw
    it elsewhere or not at all) and SEEN. mirrored: (V, P, K) keypoints that the view saw where the
    other side's is. score: sum of the confidences of all sightings that agree.
    """

    xy: Doubles
    state: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    score: float


class Labeller:
    """Labels the views of one rig."""

    def __init__(self, rig: Rig, skeleton: Skeleton) -> None:
        self._rig = rig
        self._association = Association(rig, skeleton)
        self._bones = BoneLengths(skeleton)

    def label(self, result: Result) -> Labels | None:
        """None where the views agree on nobody."""
        poses = result.poses3d
        if poses is None or not len(poses):
            return None
        rig, shape = self._rig, (len(self._rig), *poses.error.shape)
        xy, score, scale = np.full((*shape, 2), np.nan), np.zeros(shape), np.ones((len(rig), 2))
        sizes = np.zeros((len(rig), 2))
        for v, view in enumerate(result.views):
            if view is None:
                continue
            scale[v], sizes[v] = rig.cameras[v].scale(view.frame.size), view.frame.size
            there = np.flatnonzero(poses.detections[:, v] >= 0)
            seen = view.tracks.some(poses.detections[there, v])
            xy[v, there], score[v, there] = keypoints_seen(seen, rig.cameras[v], view.frame.size)
        depths = self._association.depths(poses.xyz.astype(float))
        sigma = self._association.deviations(depths) * rig.focals.mean(1)[:, None, None]
        # Anew, since what is known of people over time lags behind this instant.
        found = triangulate(
            rig,
            xy.reshape(len(rig), -1, 2),
            score.reshape(len(rig), -1),
            sigma=sigma.reshape(len(rig), -1),
        )
        used = found.used.reshape(shape)
        agreed = used.sum(0) >= MIN_VIEWS
        points = np.where(agreed[..., None], found.xyz.reshape(*agreed.shape, 3), np.nan)
        known = agreed[:, self._association.body].sum(1)
        good = (known >= MIN_KEYPOINTS) & self._plausible(points)
        if not good.any():
            return None
        points, used, agreed, sigma = points[good], used[:, good], agreed[good], sigma[:, good]
        projected = rig.project(points)
        mirror = self._bones.mirror
        off = np.linalg.norm(projected - xy[:, good][:, :, mirror], axis=-1)
        mirrored = (off < sigma) & ~used & (mirror != np.arange(len(mirror)))
        pixels = (projected + 0.5) * scale[:, None, None] - 0.5
        inside = ((pixels >= 0) & (pixels <= sizes[:, None, None] - 1)).all(-1)
        there = np.array([view is not None for view in result.views])[:, None, None]
        state = np.where(inside & there, np.where(used, SEEN, HIDDEN), OUT)
        return Labels(
            pixels,
            state,
            mirrored & inside & there,
            float((score[:, good] * used * agreed).sum()),
        )

    def _plausible(self, points: Doubles) -> NDArray[np.bool_]:
        """(P,) whether bones are as long as people's are, and left ones as right ones."""
        lengths = self._bones.measured(points)
        ratio = lengths / lengths[:, self._bones.twins]
        with np.errstate(invalid="ignore"):
            wrong = (lengths > self._bones.longest) | ((ratio > MAX_ASYMMETRY) & self._bones.rigid)
        return np.asarray(~wrong[:, self._bones.body].any(1), bool)
