"""The rows of tables in long format, as columns: one row for each keypoint that was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats
from engines.types.skeleton import Skeleton
from realtime.types.joint_angles import joint_angles, joints
from realtime.types.results import Poses3D, Result, View

Kind = Literal["integer", "seconds", "text", "number", "flag"]
Columns = dict[str, NDArray[Any]]  # of one length, in order; NaN = not known
WHERE: dict[str, Kind] = {"person": "integer", "keypoint": "text"}
COVARIANCE = ("cov_xx", "cov_xy", "cov_xz", "cov_yy", "cov_yz", "cov_zz")


class Rows(Protocol):
    """Makes rows of results. kinds: of the columns, by name, in order."""

    @property
    def kinds(self) -> Mapping[str, Kind]: ...
    def of(self, result: Result) -> Columns | None:
        """Those of an instant; None where nobody looked."""
        ...


class Rows2D:
    """frame, time, camera, person, keypoint, x, y, score; with angles also speed and angle.

    frame: index in the source. time: seconds, see Frame. person: see Tracks.numbers. x, y: pixels
    of the upright picture, score: 0..1. speed: of the person, pixels a second. angle: of the joint
    that the keypoint is, degrees as seen in the picture, 180 = straight.
    """

    def __init__(self, skeleton: Skeleton, *, angles: bool = False) -> None:
        self._names = np.array(skeleton.keypoints, object)
        self._angles = angles
        self.kinds: dict[str, Kind] = {"frame": "integer", "time": "seconds", "camera": "text"}
        self.kinds |= WHERE | dict.fromkeys(("x", "y", "score"), "number")
        if angles:
            self.kinds |= {"speed": "number", "angle": "number"}

    def of(self, result: Result) -> Columns | None:
        """Of all views."""
        parts = [self._view(view) for view in result.views if view is not None]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.kinds}

    def _view(self, view: View) -> Columns:
        tracks, frame = view.tracks, view.frame
        person, keypoint = np.nonzero(tracks.poses.found)
        count = len(person)
        columns: Columns = {
            "frame": np.full(count, frame.index, np.int64),
            "time": np.full(count, round(frame.time, 6)),
            "camera": np.full(count, frame.camera, object),
            "person": tracks.numbers[person],
            "keypoint": self._names[keypoint],
            "x": tracks.poses.xy[person, keypoint, 0],
            "y": tracks.poses.xy[person, keypoint, 1],
            "score": tracks.poses.score[person, keypoint],
        }
        if self._angles:
            unknown = np.full(len(tracks), np.nan, np.float32)
            columns["speed"] = (unknown if tracks.speed is None else tracks.speed)[person]
            whole = _of_keypoints(joint_angles(tracks.poses), tracks.poses.skeleton)
            columns["angle"] = whole[person, keypoint]
        return columns


class Rows3D:
    """frame, time, person, keypoint, x, y, z, score, error, views, filled and the covariance of x,
    y, z, cov_xx to cov_zz; with angles also angle.

    frame: the instant's number in the run, from 0. time: seconds, see Frame. x, y, z: metres in the
    world of the rig. score: 0..1, the mean of those in the views that saw the keypoint. error:
    pixels to what the views saw (root mean square). views: how many it rests on. filled: carried
    rather than seen. cov_...: square metres. angle: degrees in space, see Rows2D.
    """

    def __init__(self, skeleton: Skeleton, *, angles: bool = False) -> None:
        self._names = np.array(skeleton.keypoints, object)
        self._angles = angles
        self._count = 0
        self.kinds: dict[str, Kind] = {"frame": "integer", "time": "seconds", **WHERE}
        self.kinds |= dict.fromkeys(("x", "y", "z", "score", "error"), "number")
        self.kinds |= {"views": "integer", "filled": "flag"}
        self.kinds |= dict.fromkeys(COVARIANCE, "number")
        if angles:
            self.kinds |= {"angle": "number"}

    def of(self, result: Result) -> Columns | None:
        """Of all people."""
        poses = result.poses3d
        if poses is None:
            return None
        person, keypoint = at = np.nonzero(poses.found)
        count, scores = len(person), scores_3d(result, poses)
        columns: Columns = {
            "frame": np.full(count, self._count, np.int64),
            "time": np.full(count, round(result.time, 6)),
            "person": poses.id[person],
            "keypoint": self._names[keypoint],
            **{axis: poses.xyz[..., n][at] for n, axis in enumerate("xyz")},
            "score": scores[at],
            "error": poses.error[at],
            "views": poses.views[at],
            "filled": poses.filled[at],
        }
        covariance = np.full((count, 3, 3), np.nan, np.float32)
        if poses.covariance is not None:
            covariance = poses.covariance[at]
        triangles = covariance[:, *np.triu_indices(3)]
        columns |= {name: triangles[:, n] for n, name in enumerate(COVARIANCE)}
        if self._angles:
            columns["angle"] = _of_keypoints(joint_angles(poses), poses.skeleton)[at]
        self._count += 1
        return columns


def scores_3d(result: Result, poses: Poses3D) -> Floats:
    """(P, K) 0..1, the mean of a keypoint's scores in the views that saw it; 0 in none."""
    total, seen = np.zeros(poses.error.shape), np.zeros(poses.error.shape)
    for number, view in enumerate(result.views[: poses.detections.shape[1]]):
        who = np.flatnonzero(poses.detections[:, number] >= 0)
        if view is None or not len(who):
            continue
        rows = poses.detections[who, number]
        tracks = view.tracks
        here = tracks.poses.found[rows] & ~tracks.filled[rows]
        total[who] += np.where(here, tracks.poses.score[rows], 0)
        seen[who] += here
    return np.asarray(total / np.maximum(seen, 1), np.float32)


def _of_keypoints(angles: Floats, skeleton: Skeleton) -> Floats:
    """(P, K) of (P, joints): the angle at each keypoint that is a joint, else NaN."""
    at = [skeleton.keypoints.index(name) for name in joints(skeleton)]
    whole = np.full((len(angles), len(skeleton.keypoints)), np.nan, np.float32)
    whole[:, at] = angles
    return whole
