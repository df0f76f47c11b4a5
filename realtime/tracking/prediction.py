"""Where people should be now: optical flow, and their own motion where it leads nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats, Indices
from realtime.tracking.optical_flow import Motion
from realtime.tracking.track_table import TrackTable

MIN_FLOW_KEYPOINTS = 3  # that optical flow must find again to speak for a person,
MIN_FLOW_SHARE = 0.3  # and share of those that it could find,
MIN_SHARE_AGAINST_MOTION = 0.5  # fewer may have gone along with who passes by
MIN_PART_SHARE = 0.2  # of a hand, a face or a foot, that flow must find for the rest to go along
MAX_LIMB_SHIFT_SIDES = 0.35  # of a keypoint against its person, in sides of the person's area
MAX_HIDDEN_STRAY = 0.03, 0.3  # of one not found: sides of the area, and shares of the usual step
MAX_HIDDEN_S = 0.3  # for which optical flow is asked about such a keypoint
VELOCITY_WINDOW_S = 0.4  # that a velocity is averaged over
MAX_SPEED_SIDES_PER_S = 12.0  # sides of the area; what is faster is no person's motion


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """(N, K, 2) positions, (N, K) whether flow found them, (N,) whether it found the person.

    blind: there was nothing for flow to see.
    """

    xy: Floats
    sure: NDArray[np.bool_]
    follows: NDArray[np.bool_]
    blind: bool = False


class Step(NamedTuple):
    """From the last frame to the next: where people were, where they should be, and what moved."""

    before: Floats
    expected: Prediction
    motion: Motion | None


def predict(
    people: TrackTable,
    motion: Motion | None,
    now: float,
    seconds: float,
    body: Indices,
    groups: Sequence[Indices] = (),
) -> Prediction:
    """Where everybody is `now`, `seconds` after the last frame.

    motion: what flow made of `people.xy`; None = there was nothing to see. What the network did
    not find when it looked last may be hidden, and flow then follows what hides it: it has to
    agree with the person's own motion, and is asked for a moment only. body: the keypoints that
    speak for a person; others go along. groups: keypoints of each hand, face and foot, of which
    those that flow did not find go along with those that it found.
    """
    step = people.velocity * np.float32(seconds)
    if motion is None:
        nothing, nobody = np.zeros(people.trackable.shape, bool), np.zeros(len(people), bool)
        return Prediction(people.xy + step[:, None], nothing, nobody, blind=True)
    step = step + motion.camera
    shift = motion.xy - people.xy
    side = np.sqrt(people.area)
    doubtful = people.missing[:, None] | (people.seen < people.last[:, None])
    for at in groups:  # which may have had no turn to be looked at
        doubtful[:, at] = people.missing[:, None]
    stray = (
        MAX_HIDDEN_STRAY[0] * side
        + MAX_HIDDEN_STRAY[1] * np.linalg.norm(people.velocity, axis=1) * seconds
    )
    with np.errstate(invalid="ignore"):
        agrees = np.linalg.norm(shift - step[:, None], axis=-1) <= stray[:, None]
    if doubtful.any():
        behind = _behind(people, doubtful, body)
        likely = motion.sure & agrees & ~behind & (now - people.seen <= MAX_HIDDEN_S)
        people.trackable &= ~doubtful | likely
    sure = motion.sure & people.trackable
    trackable = people.trackable[:, body].sum(axis=1)
    most = sure[:, body].sum(axis=1) >= MIN_SHARE_AGAINST_MOTION * trackable
    sure &= most[:, None] | agrees
    # Those that were found speak for the body, where there are enough of them.
    first, speaking, shifts = (sure & ~doubtful)[:, body], sure[:, body], shift[:, body]
    way = _median(shifts, first)
    few = first.sum(axis=1) < MIN_FLOW_KEYPOINTS
    if few.any():
        way[few] = _median(shifts[few], speaking[few])
    count = speaking.sum(axis=1)
    follows = (count >= MIN_FLOW_KEYPOINTS) & (count >= MIN_FLOW_SHARE * trackable)
    way = np.where(follows[:, None], way, step)
    with np.errstate(invalid="ignore"):
        apart = (
            np.linalg.norm(shift - way[:, None], axis=-1) <= MAX_LIMB_SHIFT_SIDES * side[:, None]
        )
    sure &= apart & follows[:, None]
    moved = people.xy + np.where(sure[..., None], shift, way[:, None])
    for at in groups:
        share = sure[:, at].mean(axis=1)
        for n in np.flatnonzero((share >= MIN_PART_SHARE) & (share < 1)).tolist():
            found = sure[n, at]
            own = np.median(shift[n, at[found]], axis=0)
            moved[n, at[~found]] = people.xy[n, at[~found]] + own
    return Prediction(moved, sure, follows)


def speed_up(
    people: TrackTable,
    which: NDArray[np.int_],
    before: Floats,
    now: Floats,
    camera: Floats,
    seconds: float,
) -> None:
    """Draw the velocities of some towards what their bodies did: (M, B, 2) before and now."""
    shift = now - before
    both = ~np.isnan(shift[..., 0])
    usable = both.sum(axis=1) >= MIN_FLOW_KEYPOINTS
    velocity = (_median(shift, both) - camera) / max(seconds, 1e-3)
    side = np.sqrt(people.area[which])
    speed = np.linalg.norm(velocity, axis=1)
    velocity *= np.minimum(1, MAX_SPEED_SIDES_PER_S * side / np.maximum(speed, 1e-6))[:, None]
    # The first steps count for more: nothing is known before them.
    age = people.last[which] - people.born[which]
    rate = 1 - np.exp(-seconds / np.clip(age, seconds, VELOCITY_WINDOW_S))
    drawn = people.velocity[which] + rate[:, None] * (velocity - people.velocity[which])
    people.velocity[which] = np.where(usable[:, None], drawn, people.velocity[which])


def _behind(people: TrackTable, which: NDArray[np.bool_], body: Indices) -> NDArray[np.bool_]:
    """(N, K) whether a keypoint, of `which`, lies within the middle of somebody who is seen."""
    behind = np.zeros(people.trackable.shape, bool)
    seen = np.flatnonzero(~people.missing)
    if not len(seen):
        return behind
    # Most keypoints lie between these shares of each axis: those of the trunk. NaN sorts last.
    ordered = np.sort(people.xy[seen[:, None], body], axis=1)
    last = (~np.isnan(ordered[..., 0])).sum(axis=1) - 1
    rows = np.arange(len(seen))
    low, high = (ordered[rows, np.intp(share * last)] for share in (0.2, 0.8))
    who, keypoint = np.nonzero(which & ~np.isnan(people.xy[..., 0]))
    x, y = people.xy[who, keypoint].T[:, :, None]
    within = (x >= low[:, 0]) & (x <= high[:, 0]) & (y >= low[:, 1]) & (y <= high[:, 1])
    within &= who[:, None] != seen  # nobody hides themselves
    behind[who, keypoint] = within.any(axis=1)
    return behind


def _median(shift: Floats, which: NDArray[np.bool_]) -> Floats:
    """(N, K, 2) -> (N, 2) median over the keypoints of which; 0 where there are none."""
    ordered = np.sort(np.where(which[..., None], shift, np.inf), axis=1)
    count = which.sum(axis=1)
    rows = np.arange(len(shift))
    middle = ordered[rows, np.maximum(count - 1, 0) // 2] + ordered[rows, count // 2 * (count > 0)]
    median: Floats = np.where(count[:, None] > 0, middle / 2, 0).astype(np.float32)
    return median
