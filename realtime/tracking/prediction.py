"""Where people should be now: optical flow, and their own motion where it leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles, Floats, Indices
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from engines.types.skeleton_groups import groups_apart
from realtime.tracking.optical_flow import Motion
from realtime.tracking.track_table import TrackTable

MIN_FLOW_KEYPOINTS = 3  # that optical flow must find again to speak for a person,
MIN_FLOW_SHARE = 0.3  # and share of those that it could find,
MIN_SHARE_AGAINST_MOTION = 0.5  # fewer may have gone along with who passes by
MIN_PART_SHARE = 0.2  # of a hand, a face or a foot, that flow must find for the rest to go along
MAX_BLIND_S = 0.1  # for which what is missing is carried on without optical flow
MAX_PART_STEPS = 3.5  # from frame to frame, instead, of hands and faces that take turns
TIME_TOLERANCE_S = 1e-6
FACE_STEP = 3  # a face is stiff: of its keypoints so many go along with one
MAX_LIMB_SHIFT_SIDES = 0.35  # of a keypoint against its person, in sides of the person's area
MAX_HIDDEN_STRAY = 0.03, 0.3  # of one not found: sides of the area, and shares of the usual step
MAX_HIDDEN_S = 0.3  # for which optical flow is asked about such a keypoint
VELOCITY_WINDOW_S = 0.4  # that a velocity is averaged over
MAX_SPEED_SIDES_PER_S = 12.0  # sides of the area; what is faster is no person's motion


class FoundBodies(NamedTuple):
    """Bodies that were found in the next frame before flow was asked.

    rows: (M,) whose. xy, known: (M, K, 2) and (M, K) their keypoints. asked: (N, K) what flow is
    still to follow. parts: whether hands, faces or feet of these bodies are among that. background:
    whether it carries on anybody else, for whom the camera's motion counts.
    """

    rows: Indices
    xy: Floats
    known: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    parts: bool
    background: bool


class Parts:
    """Hands, faces and feet, of which each goes its own way.

    any: (K,) whether a keypoint is of one. followed: (K,) whether flow follows a keypoint; of a
    face one of FACE_STEP is enough. turns: whether they take turns; else nothing is one of them.
    """

    def __init__(self, skeleton: Skeleton, *, turns: bool) -> None:
        self._groups = groups_apart(skeleton) if turns else ()
        self._members = np.zeros((len(self._groups), len(skeleton.keypoints)), np.float32)
        for row, at in enumerate(self._groups):
            self._members[row, at] = 1
        self._sizes = self._members.sum(axis=1)
        self.any = np.asarray(self._members.any(axis=0), bool)
        face = np.array(skeleton.face, np.intp)
        self.followed = np.ones(len(self.any), bool)
        self.followed[face[np.arange(len(face)) % FACE_STEP > 0]] = False
        self.followed |= ~self.any

    def beside(
        self, rows: Indices, poses: Poses, ago: Doubles, step: float, background: bool
    ) -> FoundBodies:
        """What flow is to do beside poses found of people (rows): carry on their hands, faces and
        feet that had no turn, and what else was not found. ago: (N, K) seconds since keypoints were
        seen; step: from frame to frame.
        """
        apart = self.any & (ago <= part_patience(step))
        apart[rows] &= ~poses.found
        asked = apart | ~self.any
        asked[rows] &= ~poses.found
        known = poses.found & ~self.any
        return FoundBodies(rows, poses.xy, known, asked, bool(apart[rows].any()), background)

    def torn(
        self, sure: NDArray[np.bool_], asked: NDArray[np.bool_]
    ) -> Iterator[tuple[int, Indices]]:
        """Whose part was found, of (N, K) asked for, in enough places but not in all: person and
        keypoints of the part.
        """
        found, wanted = (which.astype(np.float32) @ self._members.T for which in (sure, asked))
        torn = (found > 0) & (found >= MIN_PART_SHARE * wanted) & (found < self._sizes)
        for person, group in zip(*np.nonzero(torn), strict=True):
            yield int(person), self._groups[group]


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
    groups: Parts,
    asked: NDArray[np.bool_],
) -> Prediction:
    """Where everybody is `now`, `seconds` after the last frame.

    motion: what flow made of `people.xy`; None = there was nothing to see. What the network did
    not find when it looked last may be hidden, and flow then follows what hides it: it has to
    agree with the person's own motion, and is asked for a moment only. body: the keypoints that
    speak for a person; others go along. groups: hands, faces and feet that take turns, in which
    what flow did not find goes along with what it found. asked: (N, K) what it was to follow.
    """
    step = people.velocity * np.float32(seconds)
    if motion is None:
        nothing, nobody = np.zeros(people.trackable.shape, bool), np.zeros(len(people), bool)
        return Prediction(people.xy + step[:, None], nothing, nobody, blind=True)
    step = step + motion.camera
    shift = motion.xy - people.xy
    side = np.sqrt(people.area)
    doubtful = people.missing[:, None] | (people.seen < people.last[:, None])
    doubtful[:, groups.any] = people.missing[:, None]  # it may have had no turn to be looked at
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
    for n, at in groups.torn(sure, asked):
        found = sure[n, at]
        moved[n, at[~found]] = people.xy[n, at[~found]] + np.median(shift[n, at[found]], axis=0)
    return Prediction(moved, sure, follows)


def part_patience(step: float) -> float:
    """Seconds for which a hand, a face or a foot is shown that is not found, or has no turn.

    step: from frame to frame.
    """
    return max(MAX_BLIND_S, MAX_PART_STEPS * step) + TIME_TOLERANCE_S


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
    if not len(seen) or len(people) == 1:  # nobody hides themselves
        return behind
    # Most keypoints lie between these shares of each axis: those of the trunk. NaN sorts last.
    ordered = np.sort(people.xy[seen[:, None], body], axis=1)
    last = (~np.isnan(ordered[..., 0])).sum(axis=1) - 1
    rows = np.arange(len(seen))
    low, high = (ordered[rows, np.intp(share * last)] for share in (0.2, 0.8))
    who, keypoint = np.nonzero(which & ~np.isnan(people.xy[..., 0]))
    x, y = people.xy[who, keypoint].T[:, :, None]
    within = (x >= low[:, 0]) & (x <= high[:, 0]) & (y >= low[:, 1]) & (y <= high[:, 1])
    within &= who[:, None] != seen
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
