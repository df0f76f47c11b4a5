"""Results as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from engines.poses import Floats, Poses
from engines.skeleton import Skeleton
from realtime.poses import View

PROGRAM = "posestream 0.1.0"


def header_line(model: str, skeleton: Skeleton, sources: Sequence[str]) -> str:
    """What comes first: how to read all other lines."""
    bones = [list(limb) for limb in skeleton.drawn]
    described = {"name": skeleton.name, "keypoints": list(skeleton.keypoints), "limbs": bones}
    header = {"program": PROGRAM, "model": model, "skeleton": described, "sources": list(sources)}
    return json.dumps(header, separators=(",", ":"))


def frame_line(view: View) -> str:
    """A frame's people; a keypoint is [x, y, score], [0, 0, 0] where it was not found."""
    tracks = view.tracks
    triples = keypoint_triples(tracks.poses)
    keypoints = ",".join(["[%g,%g,%g]"] * triples.shape[1])
    people = ",".join([f'{{"id":%d,"score":%g,"keypoints":[{keypoints}]}}'] * len(tracks)) % tuple(
        value
        for track, score, points in zip(
            tracks.id.tolist(), tracks.poses.person_score.tolist(), triples, strict=True
        )
        for value in (track, score, *points.ravel().tolist())
    )
    frame = view.frame
    return (
        f'{{"source":{json.dumps(frame.camera)},"index":{frame.index},'
        f'"time":{round(frame.time, 6)!r},"people":[{people}]}}'
    )


def keypoint_triples(poses: Poses) -> Floats:
    """(P, K, 3) x, y, score, the form of all files of keypoints: 0, 0, 0 = not found."""
    triples = np.concatenate([poses.xy, poses.score[..., None]], axis=-1)
    triples[~poses.found] = 0
    return triples
