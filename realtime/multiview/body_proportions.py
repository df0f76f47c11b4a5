"""How long bones are before anything is known of a person, and how one bone tells of another.

Limbs as shares of stature: Drillis and Contini 1966, as in Winter, "Biomechanics and Motor Control
of Human Movement", figure 4.1. Heads: round numbers for what anthropometry calls bitragion breadth,
tragus and pupil to the nose, and half an interpupillary distance aslant; assumed, not looked up, a
little wide as keypoints of ears lie on them, and with a deviation that leaves room for that.
"""

from __future__ import annotations

import numpy as np

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton

STATURE_M = 1.70  # of adults, women and men
STATURE_DEVIATION = 0.12  # share: adults differ by 6 %, but children come too
LIMB_SHARES = {
    frozenset({"shoulder", "elbow"}): 0.186,
    frozenset({"elbow", "wrist"}): 0.146,
    frozenset({"hip", "knee"}): 0.245,
    frozenset({"knee", "ankle"}): 0.246,
}
# By which people of one stature differ in a limb, and networks in where its ends are.
LIMB_DEVIATION = 0.06
HEAD_LENGTHS_M = {
    frozenset({"left_ear", "right_ear"}): 0.16,
    frozenset({"nose", "left_ear"}): 0.14,
    frozenset({"nose", "right_ear"}): 0.14,
    frozenset({"left_eye", "right_eye"}): 0.065,
    frozenset({"nose", "left_eye"}): 0.05,
    frozenset({"nose", "right_eye"}): 0.05,
    frozenset({"left_eye", "left_ear"}): 0.11,
    frozenset({"right_eye", "right_ear"}): 0.11,
}
# Feet as shares of stature: the length of a foot is 0.152, an ankle is 0.039 high, and a toe's
# keypoint lies some centimetres before its tip (Drillis and Contini).
FOOT_SHARES = {
    frozenset({"heel", "big_toe"}): 0.13,
    frozenset({"heel", "foot_index"}): 0.14,
    frozenset({"ankle", "heel"}): 0.05,
    frozenset({"ankle", "big_toe"}): 0.11,
    frozenset({"ankle", "foot_index"}): 0.12,
}
# Millimetres of adults' hands, from the wrist to the first joint, to the next ones and to the tip:
# Buryanov and Kotiuk 2010, "Proportions of hand segments", with 30 mm of carpal bones (alone on the
# way to the thumb's first joint) and 4 mm beyond the last bone.
FINGERS_MM = {
    "thumb": (30, 46, 32, 26),
    "index": (98, 40, 22, 20),
    "middle": (95, 45, 26, 21),
    "ring": (88, 41, 26, 21),
    "pinky": (84, 33, 18, 20),
}
FINGER_SHARES = {
    frozenset({f"{finger}_{n}" if n else "hand_wrist", f"{finger}_{n + 1}"}): mm / 1000 / STATURE_M
    for finger, lengths in FINGERS_MM.items()
    for n, mm in enumerate(lengths)
}
PART_DEVIATION = 0.15  # share, mostly of what networks call a heel, a toe or a knuckle
HEAD_DEVIATION = 0.15  # share, mostly of what networks call an ear or a nose
MEASURED_DEVIATION = 0.10  # share by which a single sighting of a bone is off as a rule
MEASURED_FLOOR = 0.01  # share that no number of sightings takes away: they are off together


def limb_share(one: str, other: str) -> float:
    """What share of stature is between two keypoints of one side, 0 where that is no bone."""
    ends = [name.partition("_") for name in (one, other)]
    if ends[0][0] != ends[1][0]:
        return 0.0
    return LIMB_SHARES.get(frozenset(part for _, _, part in ends), 0.0)


def part_share(one: str, other: str) -> float:
    """What share of stature is between two keypoints of one foot or hand, 0 where not known."""
    ends = [name.partition("_") for name in (one, other)]
    if ends[0][0] != ends[1][0]:
        return 0.0
    names = frozenset(part for _, _, part in ends)
    return FOOT_SHARES.get(names) or FINGER_SHARES.get(names, 0.0)


def rigid_pairs(skeleton: Skeleton) -> list[tuple[int, int]]:
    """Keypoints of a head, and of a foot, that keep their distance, as these are rigid."""
    index = {name: n for n, name in enumerate(skeleton.keypoints)}
    ends = [sorted(pair) for pair in HEAD_LENGTHS_M]
    for side in ("left", "right"):
        ends += [[f"{side}_{name}" for name in sorted(pair)] for pair in FOOT_SHARES]
    return [(index[a], index[b]) for a, b in ends if a in index and b in index]


def head_length(one: str, other: str) -> float:
    """Metres, 0 where the distance is not known."""
    return HEAD_LENGTHS_M.get(frozenset({one, other}), 0.0)


class Proportions:
    """Lengths of bones from what was measured of some of them.

    A person's bones, in logarithms, are stature plus the bone's share plus what people differ by:
    a Gaussian hierarchy, solved exactly. usual, deviation: (R,) metres at STATURE_M and shares.
    scales: (R,) whether a bone grows with stature. tells: (R,) whether it tells of stature, too:
    the many bones of hands are measured badly, and by one network.
    """

    def __init__(self, usual: Doubles, deviation: Doubles, scales: Doubles, tells: Doubles) -> None:
        self._usual = np.log(usual)
        self._own = deviation**2
        self._scales = scales
        self._tells = tells

    def believed(self, lengths: Doubles, evidence: Doubles) -> tuple[Doubles, Doubles]:
        """(P, R) metres and their standard deviations, metres.

        lengths: (P, R) means of sightings. evidence: (P, R) how many, 0 = none.
        """
        seen = evidence > 0
        with np.errstate(divide="ignore"):
            noise = MEASURED_DEVIATION**2 / evidence + MEASURED_FLOOR**2
        measured = np.log(np.where(seen, lengths, 1.0))
        by_stature = self._tells * seen / (self._own + noise)
        by_stature *= 0.5  # left and right come with the mean of both
        precision = STATURE_DEVIATION**-2 + by_stature.sum(1)
        taller = (by_stature * (measured - self._usual)).sum(1) / precision
        expected = self._usual + self._scales * taller[:, None]
        prior, own = 1 / self._own, seen / noise
        share = prior / (prior + own)
        log = share * expected + (1 - share) * measured
        variance = 1 / (prior + own) + self._scales * share**2 / precision[:, None]
        believed: Doubles = np.exp(log)
        return believed, believed * np.sqrt(variance)
