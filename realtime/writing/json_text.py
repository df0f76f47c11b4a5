"""Results as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from engines.types.arrays import Floats
from engines.types.poses import Poses
from realtime.types.joint_angles import joint_angles, joints
from realtime.types.movement import Movement
from realtime.types.results import Poses3D, Result, Tracks, View
from realtime.writing.movement_text import json_of, movement_values


def result_lines(result: Result, *, angles: bool = False, events: bool = False) -> list[str]:
    """A line a view; the first one holds the 3D people too, where there is a rig.

    events: add what people do, of 3D people where there are such.
    """
    apart = result.movements if events and result.poses3d is None else ()
    movements = apart or (None,) * len(result.views)
    lines = [
        frame_line(view, angles=angles, movements=known)
        for view, known in zip(result.views, movements, strict=True)
        if view
    ]
    if result.poses3d is not None and lines:
        known = result.movements3d if events else None
        space = space_people(result.poses3d, angles=angles, movements=known)
        lines[0] = f'{lines[0][:-1]},"space":{space}}}'
    return lines


class ResultLines:
    """The lines of a result as UTF-8, made once, at the first output that asks, for however many
    ask. For one thread.
    """

    def __init__(self, *, angles: bool = False, events: bool = False) -> None:
        self._angles, self._events = angles, events
        self._latest: tuple[Result, list[bytes]] | None = None

    def of(self, result: Result) -> list[bytes]:
        """See `result_lines`."""
        if self._latest is None or self._latest[0] is not result:
            lines = result_lines(result, angles=self._angles, events=self._events)
            self._latest = result, [line.encode() for line in lines]
        return self._latest[1]


def space_people(
    poses: Poses3D, *, angles: bool = False, movements: Mapping[int, Movement] | None = None
) -> str:
    """3D people: id, and for each keypoint xyz (metres), error (pixels), views, filled, and
    where it is known the covariance (square metres) as xx, xy, xz, yy, yz, zz.

    angles: add each person's joint angles in space (degrees), null = unknown. movements: add
    these, by ids.
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
    if angles:
        names = joints(poses.skeleton)
        for person, degrees in zip(people, _rounded(joint_angles(poses), 1), strict=True):
            known = (None if one != one else one for one in degrees)
            person["angles"] = dict(zip(names, known, strict=True))
    if movements is not None:
        for person in people:
            person["movement"] = movement_values(movements.get(person["id"]))
    return json.dumps(people, separators=(",", ":"))


def _upper(covariance: Floats) -> list[list[float] | None]:
    """Three digits of the upper triangles of (K, 3, 3)."""
    triangles = covariance[:, *np.triu_indices(3)].tolist()
    return [None if one[0] != one[0] else [float(f"{x:.3g}") for x in one] for one in triangles]


def _rounded(values: Floats, digits: int) -> list[Any]:
    """In double precision, whose shortest form has no more digits."""
    rounded: list[Any] = values.astype(np.float64).round(digits).tolist()
    return rounded


def frame_line(
    view: View, *, angles: bool = False, movements: Mapping[int, Movement] | None = None
) -> str:
    """A frame's people; a keypoint is [x, y, score], [0, 0, 0] where it was not found.

    x, y: pixels of the upright picture, whose top left pixel has its centre at 0, 0. score: 0..1,
    also the person's (see Poses.person_score). time: seconds, see Frame.
    angles: add each person's joint angles (degrees) and speed (pixels / second), null = unknown.
    movements: add these, by ids.
    """
    tracks = view.tracks
    triples = keypoint_triples(tracks.poses)
    keypoints = ",".join(["[%g,%g,%g]"] * triples.shape[1])
    poise = _poise(view.tracks) if angles else [""] * len(tracks)
    if movements is not None:
        doing = (json_of(movement_values(movements.get(one))) for one in tracks.id.tolist())
        poise = [f'{one},"movement":{does}' for one, does in zip(poise, doing, strict=True)]
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
