"""Results as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from engines.poses import Floats, Poses
from engines.skeleton import Skeleton
from realtime.angles import joint_angles, joints
from realtime.poses import Tracks, View

PROGRAM = "posestream 0.1.0"


def header_line(model: str, skeleton: Skeleton, sources: Sequence[str]) -> str:
    """What comes first: how to read all other lines."""
    bones = [list(limb) for limb in skeleton.drawn]
    described = {"name": skeleton.name, "keypoints": list(skeleton.keypoints), "limbs": bones}
    header = {"program": PROGRAM, "model": model, "skeleton": described, "sources": list(sources)}
    return json.dumps(header, separators=(",", ":"))


def frame_line(view: View, *, angles: bool = False) -> str:
    """A frame's people; a keypoint is [x, y, score], [0, 0, 0] where it was not found.

    angles: add each person's joint angles (degrees) and speed (pixels a second), null = unknown.
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
