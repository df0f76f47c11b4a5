"""Somebody alone before the camera: a crop network's look tells all that flow would be asked."""

from __future__ import annotations

import numpy as np

from engines.types.arrays import Indices
from engines.types.oks import oks
from engines.types.poses import Poses
from realtime.tracking.track_table import TENTATIVE_ID, TrackTable

MIN_LONE_OKS = 0.5  # of the only pose to where the only person's own motion led
MIN_CARRIED_SCORE = 0.3  # of a keypoint of theirs that flow is to carry on when it is not found
DESCRIBE_INTERVAL_S = 0.2  # after which flow and appearance are looked at as of several people


def lone(people: TrackTable, now: float, gone: float) -> Indices:
    """The row of the only person who is there, none where there is nobody, or are several.

    gone: seconds after which who was not found is not there.
    """
    (rows,) = np.nonzero(now - people.last <= gone)
    if len(rows) != 1 or people.missing[rows[0]] or people.id[rows[0]] == TENTATIVE_ID:
        return rows[:0]
    return rows[now - people.described[rows] < DESCRIBE_INTERVAL_S]


def answers(poses: Poses, people: TrackTable, rows: Indices, seconds: float) -> bool:
    """Whether a crop network found the lone person (rows), nobody else, where they were going."""
    if not len(rows) or len(poses) != 1 or poses.refined is None or not poses.refined[0]:
        return False
    (row,), body = rows, np.array(poses.skeleton.body)
    expected = people.xy[row] + people.velocity[row] * np.float32(seconds)
    sigmas = np.array(poses.skeleton.sigmas, np.float32)[body]
    alike, _ = oks(expected[None, body], poses.xy[:, body], people.area[row], sigmas)
    carried = people.trackable[row] & (people.score[row] >= MIN_CARRIED_SCORE)
    return bool(alike[0, 0] >= MIN_LONE_OKS and poses.found[0][carried].all())
