"""People in a picture of whom something is known before a crop network looks, and its looks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats
from engines.types.expected import Expected
from engines.types.oks import areas, oks
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton

MIN_COVERED_OKS = 0.4  # at which somebody who is expected is one of those found


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What the crop network says of P people: poses in the first network's skeleton, one a person
    and in their order, and (P,) whether it looked at all.
    """

    poses: Poses
    at: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """P people whom the first network found, and behind them those whom only a tracker expects.

    guess: (P,) who these are. waited: as of Expected. before: of each person the row of `expected`,
    -1 = not expected.
    """

    poses: Poses
    guess: NDArray[np.bool_]
    waited: Floats
    before: NDArray[np.intp]
    expected: Expected

    @classmethod
    def of(cls, found: Poses, expected: Expected) -> Known:
        before, missed = covered(found, expected.poses)
        people = joined(found, expected.poses.some(missed)) if len(missed) else found
        before = np.concatenate([before, missed])
        waited = np.append(expected.waited, np.float32(np.inf))[before]  # -1: the last, nobody
        guess = np.repeat([False, True], [len(found), len(missed)])
        return cls(people, guess, waited, before, expected)

    def stand_in(self, look: Looked) -> NDArray[np.bool_]:
        """Of whom the crop network tells, now or a moment ago.

        Whom it did not look at now it sees where its last look, carried on, has them.
        """
        known = ~self.guess | (self.waited == 0)
        rows = np.flatnonzero(~look.at & known & (self.before >= 0))
        before, told = self.expected, look.at.copy()
        old = self.before[rows]
        carried = before.carried[old]
        look.poses.xy[rows] = np.where(carried[..., None], before.poses.xy[old], np.float32(np.nan))
        look.poses.score[rows] = np.where(carried, before.poses.score[old], np.float32(0))
        told[rows] = carried.any(axis=1)
        return told


def unseen(skeleton: Skeleton, people: int) -> Poses:
    """People of whom nothing is known."""
    shape = people, len(skeleton.keypoints)
    xy = np.full((*shape, 2), np.nan, np.float32)
    return Poses(skeleton, xy, np.zeros(shape, np.float32), np.zeros(people, np.float32))


def covered(found: Poses, expected: Poses) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(P,) of each of those found the row of who was expected there, -1 = nobody; and the rows of
    those expected who are none of those found.
    """
    out = np.full(len(found), -1, np.intp)
    if not len(expected) or not len(found):
        return out, np.arange(len(expected))
    area = np.maximum(areas(expected.xy)[:, None], areas(found.xy)[None])
    sigmas = np.array(expected.skeleton.sigmas, np.float32)
    alike, _ = oks(expected.xy, found.xy, area, sigmas)
    near = alike.max(axis=1) >= MIN_COVERED_OKS
    best = alike.argmax(axis=0)
    out = np.where(alike.max(axis=0) >= MIN_COVERED_OKS, best, -1)
    return out, np.flatnonzero(~near)


def joined(one: Poses, other: Poses) -> Poses:
    """The people of both."""
    if not len(other):
        return one
    return replace(
        one,
        xy=np.concatenate([one.xy, other.xy]),
        score=np.concatenate([one.score, other.score]),
        person_score=np.concatenate([one.person_score, other.person_score]),
    )
