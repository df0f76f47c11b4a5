"""Boards that several cameras saw, placed in the world of the rig."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from calibration.board.board_pose import board_poses
from calibration.board.detection import Sighting
from calibration.geometry.arrays import Doubles
from calibration.geometry.bundle_scene import Scene, Sights
from calibration.geometry.camera import Camera
from calibration.geometry.errors import RigError

Pose = tuple[Doubles, Doubles]  # (3, 3), (3,)


def fitted(
    cameras: Sequence[Camera], seen: Sequence[Mapping[int, Sighting]], points: Doubles
) -> tuple[list[Camera], list[dict[int, list[Pose]]]]:
    """The cameras for the size of their pictures, at the origin; and by camera and instant the
    poses that the board may have. RigError where the sizes differ.
    """
    poses: list[dict[int, list[Pose]]] = []
    fitting = []
    for camera, own in zip(cameras, seen, strict=True):
        sizes = {one.size for one in own.values()}
        if len(sizes) > 1:
            raise RigError(
                f"{camera.name} has pictures of several sizes; use pictures of one size."
            )
        alone = replace(camera, rotation=np.eye(3), translation=np.zeros(3))
        fitting.append(alone.scaled(sizes.pop()) if sizes else alone)
        found = {n: board_poses(fitting[-1], points[s.ids], s.xy) for n, s in own.items()}
        poses.append({n: some for n, some in found.items() if some})
    return fitting, poses


def boards_in_space(
    cameras: Sequence[Camera],
    seen: Sequence[Mapping[int, Sighting]],
    poses: Sequence[Mapping[int, list[Pose]]],
    instants: Sequence[int],
    points: Doubles,
) -> tuple[Scene, Sights]:
    """Each board where the view says that suits the other cameras best."""
    turns, shifts, parts = [], [], []
    for target, at in enumerate(instants):
        those = [n for n, own in enumerate(poses) if at in own]
        best: tuple[float, Pose] | None = None
        for n in those:
            camera = cameras[n]
            for turn, shift in poses[n][at]:
                pose = camera.rotation.T @ turn, camera.rotation.T @ (shift - camera.translation)
                total = 0.0
                for m in those:
                    sight = seen[m][at]
                    off = cameras[m].project(points[sight.ids] @ pose[0].T + pose[1]) - sight.xy
                    length = np.nan_to_num(np.linalg.norm(off, axis=1), nan=200.0)
                    total += float(np.minimum(length, 200.0).sum())
                if best is None or total < best[0]:
                    best = total, pose
        assert best is not None
        turns.append(best[1][0])
        shifts.append(best[1][1])
        for n in those:
            sight = seen[n][at]
            rows = len(sight)
            parts.append((np.full(rows, n), np.full(rows, target), points[sight.ids], sight.xy))
    camera_of, target_of, local, xy = (np.concatenate(part) for part in zip(*parts, strict=True))
    scene = Scene(tuple(cameras), np.stack(shifts), np.stack(turns))
    sights = Sights(camera_of, target_of, local, xy, np.ones(len(xy)))
    # A board behind a camera that saw it is a wrong guess; it must not stop the others.
    return scene, sights[np.flatnonzero(np.isfinite(scene.residuals(sights)).all(1))]
