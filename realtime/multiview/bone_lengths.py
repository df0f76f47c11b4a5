"""Bone-length prior: the lengths of a person's bones, learnt from what views agree on."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from realtime.multiview.body_proportions import (
    HEAD_DEVIATION,
    LIMB_DEVIATION,
    MEASURED_DEVIATION,
    PART_DEVIATION,
    STATURE_M,
    Proportions,
    head_length,
    limb_share,
    part_share,
    rigid_pairs,
)
from realtime.types.mirrored_parts import mirrored_parts

AVERAGED_MEASUREMENTS = 60  # about 4 s: each later measurement moves the mean by a 60th
MAX_STRETCH = 0.15  # share by which a bone may differ from the mean length of that person's
MIN_SIGHTINGS = 5  # of a limb without usual length, from which on its mean is used
# Normalised residuals from which on a sighting counts less, with the square of how far it is off:
# of Gaussian ones 5 % are.
ODD_SIGMAS = 2.0
BENDING_DEVIATION = 0.25  # share by which necks, backs and shoulders change their length


class BoneLengths:
    """The limbs of a skeleton, from the trunk outwards, then the pairs of rigid heads and feet.

    rigid: (L,) limbs that are a bone; necks, backs and shoulders bend. held: (L,) those that keep
    their length, of heads, feet and fingers too. body: (L,) limbs whose both ends are of the body,
    none of which is longer than `longest` metres.
    Lengths are (P, L), NaN = not known yet; left and right share what they learn.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        limbs = _outwards(skeleton.drawn)
        self._chain = [(parent, child) for parent, child in limbs]
        drawn = {frozenset(limb) for limb in limbs}
        limbs += [pair for pair in rigid_pairs(skeleton) if frozenset(pair) not in drawn]
        self.limbs = np.array(limbs, np.int64).reshape(-1, 2)
        self._parents, self._children = np.ascontiguousarray(self.limbs.T)
        mirror = skeleton.mirror
        pairs = [frozenset(limb) for limb in self.limbs.tolist()]
        self.twins = np.array(
            [
                pairs.index(other) if (other := frozenset(mirror[n] for n in limb)) in pairs else at
                for at, limb in enumerate(self.limbs.tolist())
            ],
            np.int64,
        )
        self.mirror = np.array(mirror)
        self.longest = skeleton.longest_limb
        names = [[skeleton.keypoints[n] for n in limb] for limb in self.limbs.tolist()]
        shares = np.array([limb_share(*ends) for ends in names])
        heads = np.array([head_length(*ends) for ends in names])
        small = np.array([part_share(*ends) for ends in names])
        self.rigid = shares > 0
        self.held = self.rigid | (heads > 0) | (small > 0)
        self._held = np.flatnonzero(self.held)
        deviation = np.where(small > 0, PART_DEVIATION, HEAD_DEVIATION)
        self._proportions = Proportions(
            ((shares + small) * STATURE_M + heads)[self._held],
            np.where(self.rigid, LIMB_DEVIATION, deviation)[self._held],
            (heads == 0)[self._held].astype(float),
            self.rigid[self._held].astype(float),
        )
        body = set(skeleton.body)
        self.body = np.array([body.issuperset(limb) for limb in self.limbs.tolist()], bool)
        self.body[len(drawn) :] = False
        self._drawn = len(drawn)
        self.parts = mirrored_parts(skeleton)

    def measured(self, xyz: Doubles) -> Doubles:
        """(P, L) lengths of bodies (P, K, 3)."""
        bone = xyz.take(self._parents, 1) - xyz.take(self._children, 1)
        return np.asarray(np.sqrt(np.vecdot(bone, bone)), np.float64)

    def learn(
        self,
        lengths: Doubles,
        evidence: Doubles,
        xyz: Doubles,
        covariance: Doubles | None = None,
        believed: tuple[Doubles, Doubles] | None = None,
    ) -> tuple[Doubles, Doubles]:
        """The lengths with those of bodies whose keypoints are reliable, NaN otherwise, and the
        evidence for each: sightings, those that are odd or uncertain counting less.

        covariance: (P, K, 3, 3) of the keypoints, square metres. believed: what `believed` says of
        the lengths until now, where that is known already.
        """
        now = self.measured(xyz)
        # Nothing is learnt of a bone that is not measured: its NaN must not become a length.
        known = now > 0
        usual, sigma = self.believed(lengths, evidence) if believed is None else believed
        there = np.isfinite(usual)
        expected = np.where(there, usual, now)
        with np.errstate(invalid="ignore", divide="ignore"):
            off = np.where(known, np.log(now / expected), 0.0)
            wide = np.where(self.held, (sigma / expected) ** 2, BENDING_DEVIATION**2)
            odd = off**2 / (ODD_SIGMAS**2 * (wide + MEASURED_DEVIATION**2))
        weight = np.where(known, 1 / np.maximum(np.where(there, odd, 0.0), 1.0), 0.0)
        if covariance is not None:
            weight = np.where(known, weight * self._precision(xyz, now, covariance), 0.0)
        evidence = evidence + weight
        share = weight / np.clip(evidence, 1e-9, AVERAGED_MEASUREMENTS)
        before = np.where(np.isnan(lengths), now, lengths)
        return np.where(known, before + share * (now - before), lengths), evidence

    def _precision(self, xyz: Doubles, now: Doubles, covariance: Doubles) -> Doubles:
        """(P, L) of 0 to 1, what is left of a sighting whose ends are uncertain along the bone."""
        one, other = self._parents, self._children
        bone = xyz.take(one, 1) - xyz.take(other, 1)
        both = covariance.take(one, 1) + covariance.take(other, 1)
        variance = np.einsum("pli,plij,plj->pl", bone, both, bone) / now**4
        left: Doubles = MEASURED_DEVIATION**2 / (MEASURED_DEVIATION**2 + variance)
        return left

    def believed(self, lengths: Doubles, evidence: Doubles) -> tuple[Doubles, Doubles]:
        """(P, L) how long limbs are, from both sides' means and what bodies are like, and the
        standard deviation of that, metres; NaN where a limb that bends is not known well.
        """
        both, weight = lengths.take(self.twins, 1), evidence.take(self.twins, 1)
        total = evidence + weight
        with np.errstate(invalid="ignore", divide="ignore"):
            mine, theirs = np.where(evidence > 0, lengths, 0), np.where(weight > 0, both, 0)
            mean = (mine * evidence + theirs * weight) / total
        enough = np.maximum(evidence, weight) >= MIN_SIGHTINGS
        length, sigma = np.where(enough, mean, np.nan), np.full(mean.shape, np.nan)
        held = self._held
        one_side = np.where(self.twins == np.arange(len(self.twins)), 0.5, 1.0) * total
        length[:, held], sigma[:, held] = self._proportions.believed(
            mean[:, held], np.minimum(one_side, AVERAGED_MEASUREMENTS)[:, held]
        )
        return length, sigma

    def fitted(
        self,
        xyz: Doubles,
        lengths: Doubles,
        weak: NDArray[np.bool_],
        max_stretch: float = MAX_STRETCH,
    ) -> Doubles:
        """Bodies whose weak keypoints (P, K) are as far from their parents as they should be.

        max_stretch: share by which they may be nearer or farther.
        """
        free = weak.take(self._children, 1)
        least, most = (1 - max_stretch) * lengths, (1 + max_stretch) * lengths
        now = self.measured(xyz)
        odd = free & ((now < least) | (now > most))
        rows = np.flatnonzero(odd[:, : self._drawn].any(1)).tolist()
        if not rows:
            return xyz
        xyz = xyz.copy()
        # Few bones of few people: numbers by themselves are quicker here than arrays.
        for row in rows:
            body, wrong = xyz[row].tolist(), odd[row].tolist()
            low, high = least[row].tolist(), most[row].tolist()
            moved = set()
            for at in np.flatnonzero(free[row, : self._drawn]).tolist():
                parent, child = self._chain[at]
                if not (wrong[at] or parent in moved):
                    continue
                have = math.dist(body[child], body[parent])
                want = min(max(have, low[at]), high[at])
                if have > 0 and abs(want - have) > 1e-9 * have:
                    ends = zip(body[parent], body[child], strict=True)
                    body[child] = [a + want / have * (b - a) for a, b in ends]
                    moved.add(child)
            xyz[row] = body
        return xyz


def _outwards(limbs: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """The limbs so that each begins where an earlier one ended."""
    rest, known, ordered = list(limbs), {limbs[0][0]}, []
    while rest:
        for limb in rest:
            if limb[0] in known or limb[1] in known:
                parent, child = limb if limb[0] in known else limb[::-1]
                ordered.append((parent, child))
                known.add(child)
                rest.remove(limb)
                break
        else:
            known.add(rest[0][0])
    return ordered
