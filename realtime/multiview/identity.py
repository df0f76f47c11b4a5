"""One id for a person, in 3D and in every view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from realtime.types.results import Poses3D, View

UNKNOWN = -1  # of somebody whom no other camera confirms


def share_ids(
    views: Sequence[View | None], poses: Poses3D, most: int | None = None
) -> tuple[tuple[View | None, ...], Poses3D]:
    """The views with the ids of the people in 3D (-1 = not in 3D), and those people.

    most: how many people to keep, in 3D and in each view: those with the oldest ids of 3D. A view
    may be filled up with people who are not in 3D, but never shows one who was left out there.
    """
    kept = np.sort(np.argsort(poses.id, kind="stable")[:most])
    left_out = np.delete(poses.detections, kept, axis=0)
    poses = poses.some(kept)
    named: list[View | None] = []
    for number, view in enumerate(views):
        if view is None:
            named.append(None)
            continue
        own = np.full(len(view.tracks), UNKNOWN, np.int64)
        there = poses.detections[:, number] >= 0
        own[poses.detections[there, number]] = poses.id[there]
        tracks = replace(view.tracks, id=own)
        if most is not None:
            alone = np.setdiff1d(np.flatnonzero(own == UNKNOWN), left_out[:, number])
            rows = np.sort([*np.flatnonzero(own != UNKNOWN), *alone][:most]).astype(np.intp)
            tracks = tracks.some(rows)
            place = np.full(len(own) + 1, UNKNOWN)  # the last one is that of nobody, -1
            place[rows] = np.arange(len(rows))
            poses.detections[:, number] = place[poses.detections[:, number]]
        named.append(replace(view, tracks=tracks))
    return tuple(named), poses
