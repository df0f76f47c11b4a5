"""Candidates -> people: matching limb by limb, then assembly along the skeleton.

Merging of limbs that share a keypoint: OpenPose, CVPR'17, section 2.4; redundant limbs as in
TPAMI'19, section 3.3.
"""

from __future__ import annotations

import numpy as np

from engines.decoders.limb_matching import Matching, match_limbs
from engines.types.arrays import Floats
from engines.types.poses import Candidates
from engines.types.skeleton import Skeleton

Person = dict[int, int]  # keypoint type -> peak


def assemble(
    candidates: Candidates, skeleton: Skeleton, peak_weight: float, matching: Matching = "greedy"
) -> tuple[Floats, Floats, Floats]:
    """People as (P, K, 2) positions (NaN = not found), (P, K) scores and (P,) sums of limb scores.

    A limb extends the person that owns one of its peaks, joins two people who own one each and
    share no keypoint type, or starts a person of its own; a redundant limb only joins or extends.
    """
    people: list[tuple[Person, list[float]]] = []
    owner: dict[int, int] = {}
    for limb, first, second, score in match_limbs(candidates, peak_weight, matching):
        a, b = skeleton.limbs[limb]
        one, other = owner.get(first), owner.get(second)
        if one is None and other is None:
            if limb not in skeleton.redundant:
                owner[first] = owner[second] = len(people)
                people.append(({a: first, b: second}, [score]))
        elif one is not None and other is not None:
            if one == other:
                people[one][1].append(score)
            elif people[one][0].keys().isdisjoint(people[other][0]):
                parts, scores = people[other]
                people[one][0].update(parts)
                people[one][1].extend([*scores, score])
                owner.update(dict.fromkeys(parts.values(), one))
                people[other] = ({}, [])
        else:
            person, kind, peak = (one, b, second) if other is None else (other, a, first)
            assert person is not None
            if kind not in people[person][0]:
                people[person][0][kind] = peak
                people[person][1].append(score)
                owner[peak] = person
    found = [(parts, scores) for parts, scores in people if parts]
    xy = np.full((len(found), len(skeleton.keypoints), 2), np.nan, np.float32)
    confidence = np.zeros(xy.shape[:2], np.float32)
    if found:
        rows = np.repeat(np.arange(len(found)), [len(parts) for parts, _ in found])
        kinds = np.array([kind for parts, _ in found for kind in parts], np.intp)
        peaks = candidates.peaks[[peak for parts, _ in found for peak in parts.values()]]
        xy[rows, kinds] = peaks[:, 1:3]
        confidence[rows, kinds] = peaks[:, 3]
    limb_sum = np.array([sum(scores) for _, scores in found], np.float32)
    return xy, confidence, limb_sum
