"""Whose keypoint is whose, where crops show several people: joint candidates of all crops and one
assignment (CrowdPose, Li et al., CVPR'19, sections 3.2 and 3.3).

A crop of one person also shows those before and behind them, and its highest peak may be somebody
else's keypoint. Candidates of all crops that mean one place are one joint; a person is tied to a
joint as strongly as their crop responds there; and for each keypoint the ties with the highest sum,
one joint a person and one person a joint, say who owns what.
"""

from __future__ import annotations

from collections.abc import Sequence

import lap
import numpy as np

from engines.types.arrays import Floats, Indices
from engines.types.evidence import JointCandidates

SAME_JOINT = 0.5  # similarity (as of OKS) from which on two places are one joint


def owned(
    candidates: JointCandidates, area: Floats, sigmas: Sequence[float]
) -> tuple[Floats, Floats]:
    """(P, K, 2) places, NaN = none, and (P, K) responses of the P people whose crops these are.

    candidates: in picture pixels; crop n is that of person n. area: (P,) of the people in square
    pixels. sigmas: (K,) of the keypoints.
    """
    shape = len(area), len(sigmas)
    xy, score = np.full((*shape, 2), np.nan, np.float32), np.zeros(shape, np.float32)
    order = np.argsort(-candidates.response, kind="stable")
    for kind, sigma in enumerate(sigmas):
        rows = order[candidates.kind[order] == kind]
        if not len(rows):
            continue
        joint = _joints(candidates.xy[rows], area[candidates.crop[rows]], sigma)
        ties = np.zeros((len(area), joint.max() + 1))
        strongest = np.full(ties.shape, -1)
        for row, node in zip(rows[::-1], joint[::-1], strict=True):  # the strongest comes last
            person = candidates.crop[row]
            ties[person, node] = candidates.response[row]
            strongest[person, node] = row
        _, partner, _ = lap.lapjv(-ties, extend_cost=True)
        for person, node in enumerate(partner):
            if 0 <= node < ties.shape[1] and (row := strongest[person, node]) >= 0:
                xy[person, kind] = candidates.xy[row]
                score[person, kind] = candidates.response[row]
    return xy, score


def _joints(xy: Floats, area: Floats, sigma: float) -> Indices:
    """(M,) the number of the joint that each candidate of one kind means, strongest first.

    A candidate is of the first joint that begins near it, by the size of the smaller person.
    """
    wide = 2 * (2 * sigma) ** 2 * np.minimum(area[:, None], area[None])
    near = ((xy[:, None] - xy[None]) ** 2).sum(axis=-1) <= -np.log(SAME_JOINT) * wide
    joint, begins = np.full(len(xy), -1), list[int]()
    for n in range(len(xy)):
        of = next((number for number, first in enumerate(begins) if near[n, first]), len(begins))
        if of == len(begins):
            begins.append(n)
        joint[n] = of
    return joint
