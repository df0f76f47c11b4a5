"""Results as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from calibration.geometry.camera import Rig
from calibration.plots.viewpoint import upwards
from engines.types.arrays import Floats
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.types.joint_angles import joint_angles, joints
from realtime.types.results import Poses3D, Result, Tracks, View

PROGRAM = "posestream 0.1.0"


# What the header says of the 3D people.
SPACE_HEADER = {
    "in": "the first line of frames taken together",
    "unit": "metre",
    "id": "as in people, -1 there = not in space",
    "xyz": "a point or null for each keypoint, in the world of the rig",
    "error": "pixels between it and what its views saw (root mean square), or null",
    "views": "how many cameras it rests on",
    "covariance": "of xyz in square metres, [xx, xy, xz, yy, yz, zz], or null",
    "filled": "1 = carried or guided by what came before, 0 = seen",
}


def header_line(
    model: str, skeleton: Skeleton, sources: Sequence[str], rig: Rig | None = None
) -> str:
    """What comes first: how to read all other lines."""
    bones = [list(limb) for limb in skeleton.drawn]
    described = {"name": skeleton.name, "keypoints": list(skeleton.keypoints), "limbs": bones}
    header: dict[str, Any] = {
        "program": PROGRAM,
        "model": model,
        "skeleton": described,
        "sources": list(sources),
    }
    if rig is not None:
        header["space"] = {"up": upwards(rig).tolist(), **SPACE_HEADER}
    return json.dumps(header, separators=(",", ":"))


def result_lines(result: Result, *, angles: bool = False) -> list[str]:
    """A line a view; the first one holds the 3D people too, where there is a rig."""
    lines = [frame_line(view, angles=angles) for view in result.views if view]
    if result.poses3d is not None and lines:
        lines[0] = f'{lines[0][:-1]},"space":{space_people(result.poses3d)}}}'
    return lines


class ResultLines:
    """The lines of a result as UTF-8, made once, at the first output that asks, for however many
    ask. For one thread.
    """

    def __init__(self, *, angles: bool = False) -> None:
        self._angles = angles
        self._latest: tuple[Result, list[bytes]] | None = None

    def of(self, result: Result) -> list[bytes]:
        """See `result_lines`."""
        if self._latest is None or self._latest[0] is not result:
            lines = result_lines(result, angles=self._angles)
            self._latest = result, [line.encode() for line in lines]
        return self._latest[1]


def space_people(poses: Poses3D) -> str:
    """3D people: id, and for each keypoint xyz (metres), error (pixels), views, filled, and
    where it is known the covariance (square metres) as xx, xy, xz, yy, yz, zz.
    """
    people: list[dict[str, Any]] = [
        {
            "id": int(poses.id[n]),
            "xyz": [None if x[0] != x[0] else x for x in _rounded(poses.xyz[n], 4)],
            "error": [None if x != x else x for x in _rounded(poses.error[n], 2)],
            "views": poses.views[n].tolist(),
            "filled": poses.filled[n].astype(int).tolist(),
        }
        for n in range(len(poses))
    ]
    if poses.covariance is not None:
        for person, covariance in zip(people, poses.covariance, strict=True):
            person["covariance"] = _upper(covariance)
    return json.dumps(people, separators=(",", ":"))


def _upper(covariance: Floats) -> list[list[float] | None]:
    """Three digits of the upper triangles of (K, 3, 3)."""
    triangles = covariance[:, *np.triu_indices(3)].tolist()
    return [None if one[0] != one[0] else [float(f"{x:.3g}") for x in one] for one in triangles]


def _rounded(values: Floats, digits: int) -> list[Any]:
    """In double precision, whose shortest form has no more digits."""
    rounded: list[Any] = values.astype(np.float64).round(digits).tolist()
    return rounded


def frame_line(view: View, *, angles: bool = False) -> str:
    """A frame's people; a keypoint is [x, y, score], [0, 0, 0] where it was not found.

    angles: add each person's joint angles (degrees) and speed (pixels / second), null = unknown.
    """
    tracks = view.tracks
    triples = keypoint_triples(tracks.poses)
    keypoints = ",".join(["[%g,%g,%g]"] * triples.shape[1])
    poise = _poise(view.tracks) if angles else [""] * len(tracks)
    people = ",".join(
        [f'{{"id":%d,"score":%g,"keypoints":[{keypoints}]%s}}'] * len(tracks)
    ) % tuple(
        value
        for track, score, points, more in zip(
            tracks.id.tolist(), tracks.poses.person_score.tolist(), triples, poise, strict=True
        )
        for value in (track, score, *points.ravel().tolist(), more)
    )
    frame = view.frame
    return (
        f'{{"source":{json.dumps(frame.camera)},"index":{frame.index},'
        f'"time":{round(frame.time, 6)!r},"people":[{people}]}}'
    )


def _poise(tracks: Tracks) -> list[str]:
    """Each person's speed and angles, as the end of a JSON object."""

    def number(value: float) -> str:
        return "null" if np.isnan(value) else f"{value:.1f}"

    names = joints(tracks.poses.skeleton)
    angles = joint_angles(tracks.poses).tolist()
    speeds = [float("nan")] * len(tracks) if tracks.speed is None else tracks.speed.tolist()
    return [
        f',"speed":{number(speed)},"angles":{{'
        + ",".join(f'"{name}":{number(angle)}' for name, angle in zip(names, one, strict=True))
        + "}"
        for speed, one in zip(speeds, angles, strict=True)
    ]


def keypoint_triples(poses: Poses) -> Floats:
    """(P, K, 3) x, y, score, the form of all files of keypoints: 0, 0, 0 = not found."""
    triples = np.concatenate([poses.xy, poses.score[..., None]], axis=-1)
    triples[~poses.found] = 0
    return triples
