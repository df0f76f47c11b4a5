"""Whom of the track table to show in a frame, and which of their keypoints."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from engines.parts.boxes import forearms, lengths
from engines.parts.hands import MAX_WRIST_OFF, SIDES
from engines.types.arrays import Floats, Indices
from engines.types.oks import oks_both_ways
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.tracking.prediction import (
    MAX_BLIND_S,
    TIME_TOLERANCE_S,
    Prediction,
    part_patience,
)
from realtime.tracking.track_table import TrackTable
from realtime.types.results import Tracks

MIN_DUPLICATE_OKS = 0.5  # above which two poses show one body
MAX_UNSEEN_S = 0.5  # after which a keypoint that is not seen is unknown


def presentable(
    people: TrackTable,
    expected: Prediction,
    now: float,
    fill: float,
    size: tuple[int, int],
    body: Indices,
) -> NDArray[np.bool_]:
    """(N,) whether somebody who is not seen may be shown where they should be.

    expected: of the first N. fill: seconds for which people are carried on. size: of the picture.
    """
    count = len(expected.follows)
    away = now - people.last[:count]
    still = (away <= fill + TIME_TOLERANCE_S) & _within(people.xy[:count, body], size)
    brief = away <= MAX_BLIND_S + TIME_TOLERANCE_S
    return still & (expected.follows | ~people.missing[:count] | expected.blind | brief)


def upon(
    xy: Floats, others: Floats, area: Floats, skeleton: Skeleton, least: int
) -> NDArray[np.bool_]:
    """(N,) whether poses lie upon one of the others, least keypoints or more in common."""
    lies = np.zeros(len(xy), bool)
    if len(xy) and len(others):
        for alike, common in oks_both_ways(xy, others, area, skeleton):
            lies |= ((alike > MIN_DUPLICATE_OKS) & (common >= least)).any(axis=1)
    return lies


def covered(
    people: TrackTable, carried: NDArray[np.bool_], shown: NDArray[np.bool_], skeleton: Skeleton
) -> NDArray[np.bool_]:
    """(N,) whether somebody carried on lies upon somebody seen: one body is shown once."""
    out = np.zeros(len(people), bool)
    if not carried.any():
        return out
    one, other = np.flatnonzero(carried), np.flatnonzero(shown)
    area = people.area[one][:, None]
    out[one] = upon(people.xy[one], people.xy[other], area, skeleton, 1)
    return out


def shown_tracks(
    people: TrackTable,
    shown: NDArray[np.bool_],
    skeleton: Skeleton,
    now: float,
    step: float,
    others: Poses | None = None,
) -> Tracks:
    """Those who are shown, eldest first; then tentative people, and poses of nobody.

    step: seconds from frame to frame, where hands, faces and feet take turns; else 0.
    """
    rows = np.flatnonzero(shown)
    # As an unsigned number -1 comes last.
    rows = rows[np.argsort(people.id[rows].astype(np.uint64), kind="stable")]
    xy, score = people.xy[rows].astype(np.float32), people.score[rows].astype(np.float32)
    away = now - people.seen[rows]
    seen = away <= 0
    keep = seen | (away <= MAX_BLIND_S + TIME_TOLERANCE_S)
    keep |= people.trackable[rows] & (away <= MAX_UNSEEN_S)
    # A hand that is not found for a while is elsewhere: no joint leaves its body so.
    if len(skeleton.body) < xy.shape[1]:
        part = np.ones(xy.shape[1], bool)
        part[list(skeleton.body)] = False
        here = part & (people.last[rows] >= now)[:, None]
        keep = np.where(here, away <= part_patience(step), keep)
        for hand, gone in _left_behind(xy, seen, skeleton):
            keep[np.ix_(gone, hand)] &= seen[np.ix_(gone, hand)]
    keep &= ~np.isnan(xy[..., 0])
    xy = np.where(keep[..., None], xy, np.float32(np.nan))
    score = np.where(keep, score, np.float32(0))
    poses = Poses(skeleton, xy, score, people.person_score[rows])
    velocity = people.velocity[rows]
    speed = np.sqrt((velocity * velocity).sum(axis=1)).astype(np.float32)
    speed[people.last[rows] == people.born[rows]] = np.nan
    tracks = Tracks(people.id[rows], poses, keep & ~seen, speed)
    return tracks if others is None or not len(others) else tracks.with_others(others)


def _left_behind(
    xy: Floats, seen: NDArray[np.bool_], skeleton: Skeleton
) -> Iterator[tuple[Indices, Indices]]:
    """Keypoints of hands, and the people (rows) whose arm is seen elsewhere."""
    for side in SIDES:
        joints = [f"{side}_{joint}" for joint in ("wrist", "elbow", "shoulder")]
        hand = np.array(skeleton.groups[f"{side}_hand"], np.intp)
        if not len(hand) or not set(joints) <= {*skeleton.keypoints}:
            continue
        wrist, elbow, shoulder = (skeleton.keypoints.index(name) for name in joints)
        arm = forearms(xy[:, wrist], xy[:, elbow], xy[:, shoulder])
        with np.errstate(invalid="ignore"):
            off = lengths(xy[:, hand[0]] - xy[:, wrist]) > MAX_WRIST_OFF * arm
        yield hand, np.flatnonzero(off & seen[:, wrist] & ~seen[:, hand[0]])


def _within(xy: Floats, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(N,) whether half of somebody's keypoints or more lie in the picture."""
    inside = np.all((xy >= 0) & (xy <= np.subtract(size, 1)), axis=-1)
    known = ~np.isnan(xy[..., 0])
    return np.asarray(2 * inside.sum(axis=1) >= known.sum(axis=1), bool)
