"""Whom a tracker expects in a picture, for whoever looks at people alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats
from engines.types.poses import Poses, check_shape
from engines.types.skeleton import Skeleton
from engines.types.skeleton_groups import core_of, fitted


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """P people whom a tracker expects in a picture.

    poses: where they should be. waited: (P,) seconds since a crop network last looked at each, inf
    = it never has. carried: (P, K) whether a place is where that look has seen it, carried on by
    optical flow without doubt.
    """

    poses: Poses
    waited: Floats
    carried: NDArray[np.bool_]

    def __post_init__(self) -> None:
        check_shape("Expected", "waited", self.waited, len(self.poses))
        check_shape("Expected", "carried", self.carried, *self.poses.score.shape)

    def __len__(self) -> int:
        return len(self.poses)

    @property
    def pressing(self) -> Floats:
        """(P,) `waited`, up to twice as long for whom optical flow carries badly: who moves fast,
        turns or is being hidden needs a look sooner.
        """
        found = self.poses.found
        lost = (found & ~self.carried).sum(axis=1) / np.maximum(found.sum(axis=1), 1)
        return np.asarray(self.waited * (1 + lost), np.float32)

    @classmethod
    def of(cls, poses: Poses) -> Self:
        """People at whom nobody has looked yet."""
        never = np.full(len(poses), np.inf, np.float32)
        return cls(poses, never, np.zeros(poses.score.shape, bool))

    def and_also(self, others: Poses, *, seen: bool = False) -> Self:
        """These, and behind them people of the same skeleton at whom nobody has looked yet, or, if
        they were seen, whom a crop network has just seen there.
        """
        if not len(others):
            return self
        more, own = self.of(others), self.poses
        if seen:
            more = replace(more, waited=np.zeros_like(more.waited), carried=others.found)
        poses = replace(
            own,
            xy=np.concatenate([own.xy, others.xy]),
            score=np.concatenate([own.score, others.score]),
            person_score=np.concatenate([own.person_score, others.person_score]),
        )
        waited = np.concatenate([self.waited, more.waited])
        return replace(
            self, poses=poses, waited=waited, carried=np.vstack([self.carried, more.carried])
        )

    def core(self) -> Self:
        """The same without the groups that were added to their bodies."""
        poses = core_of(self.poses)
        if poses is self.poses:
            return self
        return replace(self, poses=poses, carried=self.carried[:, : poses.score.shape[1]])

    def fitted(self, skeleton: Skeleton) -> Self:
        """The same in a skeleton with more, or fewer, groups after the same keypoints."""
        if skeleton is self.poses.skeleton:
            return self
        poses, have = fitted(self.poses, skeleton), self.carried.shape[1]
        more = max(poses.score.shape[1] - have, 0)
        carried = np.pad(self.carried, ((0, 0), (0, more)))[:, : poses.score.shape[1]]
        return replace(self, poses=poses, carried=carried)
