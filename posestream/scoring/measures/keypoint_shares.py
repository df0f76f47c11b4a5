"""Shares of keypoints and limbs that are right: PCK, PCKh, PDJ and PCP.

A labelled person is compared with one found person, who is compared with nobody else: those pairs
whose OKS is the highest in all. Whatever of a person was not found is wrong; people who are not
there cost nothing, so these measures are for pictures of people who are known to be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from engines.types.arrays import Doubles
from posestream.scoring.measures.oks_ap import similarity
from posestream.scoring.measures.scenes import Found, Labels
from realtime.tracking.matching import assign

PCK_SHARE = 0.2  # of the box's longer side (Yang and Ramanan, PAMI'13, section 6)
PCKH_SHARE = 0.5  # of the head (Andriluka et al., CVPR'14, section 4)
PDJ_SHARE = 0.2  # of the trunk (Sapp and Taskar, CVPR'13; Toshev and Szegedy, CVPR'14, section 4.1)
PCP_SHARE = 0.5  # of the limb's length, both ends (Ferrari et al., CVPR'08; "strict" PCP)
TRUNK = ("left_shoulder", "right_hip"), ("right_shoulder", "left_hip")  # the first that is labelled
LIMBS = {
    f"{side} {name}": (f"{side}_{one}", f"{side}_{other}")
    for side in ("left", "right")
    for name, one, other in (
        ("upper arm", "shoulder", "elbow"),
        ("forearm", "elbow", "wrist"),
        ("thigh", "hip", "knee"),
        ("shank", "knee", "ankle"),
    )
}
LIMBS["head"] = ("head_top", "upper_neck")
LEAST_OKS = 1e-12  # below it two have nothing to do with each other
Shares = dict[str, float]


def paired(labels: Labels, found: Found) -> Iterator[tuple[int, int, Doubles]]:
    """Every labelled person: picture, row, and (K, 2) what was found of it, NaN = not found."""
    count = len(labels.keypoints)
    for index, picture in enumerate(labels.pictures):
        people = found.of(index, count)
        alike = similarity(picture, people, labels.sigmas).T
        partner = np.full(len(picture.xy), -1)
        if alike.size:
            rows, columns = assign(alike, LEAST_OKS)
            partner[rows] = columns
        for row in np.flatnonzero(~picture.crowd):
            there = partner[row] >= 0
            yield index, int(row), people.xy[partner[row]] if there else np.full((count, 2), np.nan)


def keypoint_shares(labels: Labels, found: Found) -> dict[str, Shares]:
    """Measure -> keypoint or limb -> share 0..1 that is right, and "mean" over all of them alike.

    A measure is left out that nobody's labels say enough for.
    """
    names = labels.keypoints
    within: dict[str, list[Doubles]] = {"PCK": [], "PCKh": [], "PDJ": []}
    limbs: list[list[float]] = []
    trunks = [[names.index(one) for one in pair] for pair in TRUNK if {*pair} <= {*names}]
    ends = {limb: [names.index(one) for one in pair] for limb, pair in LIMBS.items()
            if {*pair} <= {*names}}  # fmt: skip
    for index, row, xy in paired(labels, found):
        picture = labels.pictures[index]
        truth = picture.xy[row]
        error = np.linalg.norm(xy - truth, axis=1)
        error[np.isnan(error)] = np.inf
        for measure, limit in (
            ("PCK", PCK_SHARE * picture.box[row, 2:].max()),
            ("PCKh", PCKH_SHARE * picture.head[row]),
            ("PDJ", PDJ_SHARE * _trunk(truth, trunks)),
        ):
            if limit > 0:  # NaN where unknown
                right = np.where(np.isnan(truth[:, 0]), np.nan, error <= limit)
                within[measure].append(right)
        limbs.append([_limb(truth, error, pair) for pair in ends.values()])
    shares = {measure: shares_of(names, np.array(rows)) for measure, rows in within.items() if rows}
    if ends and limbs:
        shares["PCP"] = shares_of(list(ends), np.array(limbs))
    return {measure: share for measure, share in shares.items() if share}


def _trunk(truth: Doubles, trunks: Sequence[Sequence[int]]) -> float:
    """Pixels from a shoulder to the opposite hip."""
    lengths = [float(np.linalg.norm(truth[a] - truth[b])) for a, b in trunks]
    return next((length for length in lengths if length > 0), np.nan)


def _limb(truth: Doubles, error: Doubles, pair: Sequence[int]) -> float:
    """1 where both ends are right, NaN where the limb is not labelled."""
    length = np.linalg.norm(truth[pair[0]] - truth[pair[1]])
    return float((error[list(pair)] <= PCP_SHARE * length).all()) if length > 0 else np.nan


def shares_of(names: Sequence[str], right: Doubles) -> Shares:
    """(N, K) 1, 0 or NaN -> the share of each column that has any, and of all together."""
    counts = (~np.isnan(right)).sum(axis=0)
    hits = np.nansum(right, axis=0)
    shares = {name: float(hits[n] / counts[n]) for n, name in enumerate(names) if counts[n]}
    return {"mean": float(hits.sum() / counts.sum())} | shares if shares else {}
