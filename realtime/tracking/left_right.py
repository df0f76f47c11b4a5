"""Left and right mixed up for a moment: limbs that swap sides between frames are put back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats
from engines.types.skeleton import Skeleton
from realtime.types.mirrored_parts import mirrored_parts

MAX_MIRRORED_SHARE = 0.5  # of the direct way that the mirrored way may be
MIN_SHIFT_SIDES = 0.15  # half of a group's summed shift, in sides of the person's area
MAX_MIRRORED_S = 0.3  # after which a person has turned, and the network is right


class LeftRightConsistency:
    """Which keypoints of a skeleton swap with which, in groups: arms, legs, the head.

    The body tells that a group is mirrored; hands, feet and what is in the face go with it.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        parts = mirrored_parts(skeleton)
        self._mirror = np.array(skeleton.mirror)
        self._body, self._groups = np.zeros((2, len(parts), len(skeleton.keypoints)), bool)
        for group, part in enumerate(parts):
            self._body[group, part.body] = True
            self._groups[group, part.whole] = True

    def __len__(self) -> int:
        return len(self._groups)

    def repair(
        self,
        expected: Floats,
        xy: Floats,
        score: Floats,
        area: Floats,
        since: NDArray[np.float64],
        now: float,
    ) -> tuple[Floats, Floats, NDArray[np.float64]]:
        """Found poses (P, K, 2) with their scores and `since`, sides as expected (P, K, 2).

        since: (P, groups) when a group began to be found mirrored, inf = it is not. What stays
        mirrored for longer than MAX_MIRRORED_S is left as the network says.
        """
        other = xy[:, self._mirror]
        direct = np.linalg.norm(xy - expected, axis=-1)
        crossed = np.linalg.norm(other - expected, axis=-1)
        both = ~np.isnan(direct) & ~np.isnan(crossed)
        ways = [
            np.where(both, way, 0) @ self._body.T.astype(np.float32) for way in (direct, crossed)
        ]
        least = MIN_SHIFT_SIDES * np.sqrt(area)[:, None]
        mirrored = np.asarray(
            (ways[1] < MAX_MIRRORED_SHARE * ways[0]) & (ways[0] > 2 * least), bool
        )
        since = np.where(mirrored, np.minimum(since, now), np.inf)
        brief = np.asarray(mirrored & (now - since < MAX_MIRRORED_S), bool)
        swap = np.matmul(brief, self._groups)
        return (
            np.where(swap[..., None], other, xy),
            np.where(swap, score[:, self._mirror], score),
            since,
        )
