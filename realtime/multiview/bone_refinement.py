"""Whole people: where all keypoints are at once, given what is known of each and of the bones."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from engines.types.arrays import Doubles, Indices
from realtime.multiview.bone_lengths import BoneLengths

MAX_ROUNDS = 4  # the start is near, and bones are nearly straight functions of their ends
# Share of its cost and 1, by which that may be more than a step had promised when the step was the
# last: about as much is left for others to take away.
SETTLED = 0.01


class BoneRefinement:
    """Moves bodies to where keypoints and bones fit best.

    The most likely bodies, where bones measure how far their ends are apart: an iterated Kalman
    update (Bell and Cathey 1993, Gauss-Newton in as many dimensions as there are bones), of which
    no step is taken that makes a body less likely.
    """

    def __init__(self, bones: BoneLengths) -> None:
        self._held: Indices = np.flatnonzero(bones.held)
        ends = bones.limbs[self._held]
        self._ends = np.concatenate(ends.T)  # all parents, then all children
        self._parent, self._child = parent, child = np.split(self._ends, 2)
        limbs, count = np.arange(len(ends)), len(bones.mirror)
        # By what a step along each bone moves each keypoint: its child ahead, its parent back.
        self._incidence = np.zeros((count, len(ends)))
        self._incidence[child, limbs], self._incidence[parent, limbs] = 1, -1
        # Two bones tell of each other where they share a keypoint: which two these are, the end of
        # the other one that it is (all parents, then all children), and whether it draws them the
        # same way.
        same = ends[:, None, :, None] == ends[None, :, None]
        same[limbs, limbs] = False
        self._one, other, mine, end = np.nonzero(same)
        self._end, self._sign = end * len(ends) + other, np.where(mine == end, 1.0, -1.0)
        self._place, self._diagonal = self._one * len(ends) + other, limbs * (len(ends) + 1)

    def refined(
        self,
        xyz: Doubles,
        covariance: Doubles,
        lengths: Doubles,
        sigma: Doubles,
        bound: Doubles | None = None,
        *,
        deadline: float = np.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> tuple[Doubles, bool]:
        """Bodies (P, K, 3) moved, and whether time sufficed.

        covariance: (P, K, 3, 3) of the keypoints, square metres. lengths, sigma: (P, L) metres,
        NaN = not known. bound: (P, K) standard deviations past which a keypoint is not moved.
        """
        parent, child = self._parent, self._child
        known = np.isfinite(xyz[..., 0])
        lengths, sigma = lengths.take(self._held, 1), sigma.take(self._held, 1)
        held = np.isfinite(lengths) & known.take(parent, 1) & known.take(child, 1)
        if not held.any():
            return xyz, True
        start = np.where(known[..., None], xyz, 0.0)
        prior = np.where(known[..., None, None], covariance, 0.0)
        of_ends = prior.take(self._ends, 1)
        want = np.where(held, lengths, 0.0)
        variance = np.where(held, sigma * sigma, 1.0)
        people, limbs = held.shape
        matrix = np.zeros((people, limbs * limbs))
        straight = start.take(child, 1) - start.take(parent, 1)
        done = True
        moved = pull = np.zeros_like(start)  # by how much, and by what: prior @ pull
        best, strain, least = moved, np.zeros(known.shape), np.full(people, np.inf)
        promised = np.zeros(people)
        for turn in range(MAX_ROUNDS):
            change = moved.take(child, 1) - moved.take(parent, 1)
            bone = straight + change
            have = np.maximum(np.sqrt(np.vecdot(bone, bone)), 1e-6)
            off = np.where(held, want - have, 0.0)
            square = np.vecdot(moved, pull)
            cost = np.add.reduce(square, 1) + np.add.reduce(off * off / variance, 1)
            better = cost <= least
            settled = cost - promised <= SETTLED * (1 + cost)
            if better.all():
                best, strain, least = moved, square, cost
            else:
                best = np.where(better[:, None, None], moved, best)
                strain = np.where(better[:, None], square, strain)
                least = np.minimum(cost, least)
            done = clock() <= deadline
            if not done or turn == MAX_ROUNDS - 1 or settled.all():
                break
            ahead = bone * np.where(held, 1 / have, 0.0)[..., None]
            twice = np.concatenate([ahead, ahead], 1)
            across = np.einsum("plij,plj->pli", of_ends, twice)
            between = np.vecdot(ahead.take(self._one, 1), across.take(self._end, 1))
            matrix[:, self._place] = between * self._sign
            own = np.vecdot(twice, across)
            matrix[:, self._diagonal] = own[:, :limbs] + own[:, limbs:] + variance
            innovation = off + np.vecdot(ahead, change)
            weight = np.linalg.solve(matrix.reshape(people, limbs, limbs), innovation[..., None])
            promised = np.vecdot(innovation, weight[..., 0])
            pull = self._incidence @ (ahead * weight)
            moved = np.einsum("pkij,pkj->pki", prior, pull)
        if bound is not None:
            far = np.sqrt(np.maximum(strain, 1e-18))
            best = best * np.minimum(1.0, bound / far)[..., None]
        return np.where(known[..., None], start + best, np.nan), done
