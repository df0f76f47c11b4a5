"""How two cameras stand to each other, from people who walk before both.

Who in one view is who in the other is not known: five-point essential matrices (Nister, "An
Efficient Solution to the Five-Point Relative Pose Problem", 2004) of every pair of tracks are
judged by how well they explain all poses of both views.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from calibration.geometry.arrays import Doubles, Ints, Mask
from calibration.people.epipolar import essential, refined, sampson, sizes
from calibration.people.observations import Couples, Crowd

GATE_SIGMAS = 3.0  # beyond which a keypoint does not fit: 0.3 % of those that do
MIN_GAIN = 0.5  # mean gain of the keypoints from which on two tracks may be one person
TRACK_WINDOW = 50  # instants over which a track is trusted to be one person
MINIMAL_SAMPLES = 300  # of five keypoints: bounds the time
MAX_JUDGED_COUPLES = 250  # that hypotheses are judged by: bounds the time
MAX_REFINED = 12  # hypotheses: bounds the time
BATCH = 64  # hypotheses at once: bounds the memory
# Of the ratio of two views' sizes of one body: people are not round (rule of thumb).
LOG_SIZE_SIGMA = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class RelativePose:
    """x_second = rotation @ x_first + translation, of length 1. couples: those of one person.
    body: (S,) size of their bodies, in units of the distance between the cameras.
    """

    rotation: Doubles
    translation: Doubles
    score: float
    couples: Couples
    body: Doubles


def relative_poses(
    couples: Couples,
    crowds: tuple[Crowd, Crowd],
    rng: np.random.Generator,
    most: int = 3,
    samples: int = MINIMAL_SAMPLES,
) -> list[RelativePose]:
    """The likeliest poses of the second camera, best first."""
    where = windows(couples, crowds)
    few = np.sort(rng.permutation(len(couples))[:MAX_JUDGED_COUPLES])
    hypotheses = _hypotheses(couples, crowds, rng, samples)
    if not len(hypotheses):
        return []
    judged, some = couples[few], where[few]
    scores = np.concatenate(
        [
            _scores(_gains(hypotheses[at : at + BATCH], judged), some)[0]
            for at in range(0, len(hypotheses), BATCH)
        ]
    )
    found: list[RelativePose] = []
    for n in np.argsort(-scores)[:MAX_REFINED]:
        pose = _decomposed(hypotheses[n], judged, some)
        if pose is None:
            continue
        for _ in range(3):
            kept = judge(pose, judged, some)[0] > 0
            if kept.sum() < 5:
                break
            pose = refined(pose, judged[kept])
        gain, score, body = judge(pose, couples, where)
        kept = gain > 0
        if kept.sum() >= 5:
            found.append(RelativePose(*pose, score, couples[kept], body[kept]))
    found.sort(key=lambda one: -one.score)
    different: list[RelativePose] = []
    for one in found:
        if all(_apart(one, other) for other in different):
            different.append(one)
    return different[:most]


def _apart(one: RelativePose, other: RelativePose) -> bool:
    turn = np.trace(one.rotation @ other.rotation.T)
    return bool(turn < 1 + 2 * np.cos(np.radians(5)) or one.translation @ other.translation < 0.99)


def windows(couples: Couples, crowds: tuple[Crowd, Crowd]) -> Ints:
    """(S, 3) window, and the tracks of both."""
    instant = crowds[0].instant[couples.one]
    _, place = np.unique(instant, return_inverse=True)
    return np.stack(
        [place // TRACK_WINDOW, crowds[0].track[couples.one], crowds[1].track[couples.other]], 1
    )


def _hypotheses(
    couples: Couples, crowds: tuple[Crowd, Crowd], rng: np.random.Generator, samples: int
) -> Doubles:
    """(H, 3, 3) essential matrices of five keypoints of a pair of tracks, or of two pairs."""
    tracks = np.stack([crowds[0].track[couples.one], crowds[1].track[couples.other]], 1)
    pairs, which, counts = np.unique(tracks, axis=0, return_inverse=True, return_counts=True)
    common = [np.flatnonzero(which == n) for n in np.flatnonzero(counts >= 5)]
    if not common:
        return np.empty((0, 3, 3))
    chance = np.array([len(own) for own in common], float)
    chance /= chance.sum()
    ends = pairs[np.flatnonzero(counts >= 5)]
    found = []
    for _ in range(samples):
        first = rng.choice(len(common), p=chance)
        rows = common[first]
        beside = np.flatnonzero((ends != ends[first]).all(1))
        if len(beside) and rng.random() < 0.5:
            second = common[rng.choice(beside)]
            chosen = np.concatenate([rng.choice(rows, 3), rng.choice(second, 2)])
        else:
            chosen = rng.choice(rows, 5)
        weight = couples.weight[chosen]
        at = (weight.cumsum(1) < rng.random((5, 1)) * weight.sum(1, keepdims=True)).sum(1)
        p, q = couples.p[chosen, at, :2], couples.q[chosen, at, :2]
        matrices, _ = cv2.findEssentialMat(p, q, np.eye(3), cv2.RANSAC, 0.99, 1e-3)
        if matrices is not None and len(matrices) % 3 == 0:
            found.append(np.asarray(matrices, np.float64).reshape(-1, 3, 3))
    return np.concatenate(found) if found else np.empty((0, 3, 3))


def _gains(matrices: Doubles, couples: Couples) -> Doubles:
    """(H, S) how well the keypoints of couples lie on each other's epipolar lines, 0 to 1."""
    known = couples.weight > 0
    weight = couples.weight[known].astype(np.float32)
    off = sampson(matrices, couples.p[known], couples.q[known], couples.deviation[:, known])
    gain = (1 - np.minimum(off / GATE_SIGMAS, 1) ** 2) * weight
    begin = np.concatenate([[0], known.sum(1).cumsum()[:-1]])
    total = np.add.reduceat(gain, begin, axis=1) / np.add.reduceat(weight, begin)
    return np.asarray(total, np.float64)


def _scores(gains: Doubles, windows: Ints) -> tuple[Doubles, Mask]:
    """(H,) scores, and (H, S) whether each couple is of tracks that are each other's best."""
    labels, which = np.unique(windows, axis=0, return_inverse=True)
    count = np.bincount(which)
    order = np.argsort(which, kind="stable")
    begin = np.concatenate([[0], count.cumsum()[:-1]])
    total = np.add.reduceat(gains[:, order] - MIN_GAIN, begin, axis=1)  # (H, L)
    best = np.ones(total.shape, bool)
    for side in (1, 2):
        _, group = np.unique(labels[:, [0, side]], axis=0, return_inverse=True)
        order = np.argsort(group, kind="stable")
        top = np.maximum.reduceat(total[:, order], np.searchsorted(group[order], _range(group)), 1)
        best &= total >= top[:, group]
    chosen: Mask = best & (total > 0)
    return np.where(chosen, total, 0).sum(1), chosen[:, which]


def _range(group: Ints) -> Ints:
    return np.arange(group.max() + 1)


def judge(
    pose: tuple[Doubles, Doubles], couples: Couples, windows: Ints
) -> tuple[Doubles, float, Doubles]:
    """(S,) gains of couples that are one person, 0 of others; the score; (S,) sizes of bodies.

    Beside the epipolar lines: bodies are before both cameras, and as large in one as in the other.
    """
    gain = _gains(essential(*pose)[None], couples)
    body, ratio = sizes(pose, couples)
    known = np.isfinite(ratio)
    like = np.where(known, np.exp(-0.5 * (np.where(known, ratio, 0) / LOG_SIZE_SIGMA) ** 2), 0)
    gain = gain * like
    scores, chosen = _scores(gain, windows)
    return np.where(chosen[0] & (gain[0] > MIN_GAIN), gain[0], 0), float(scores[0]), body


def _decomposed(matrix: Doubles, couples: Couples, windows: Ints) -> tuple[Doubles, Doubles] | None:
    """The one of the four poses of an essential matrix that scores best."""
    one, two, shift = cv2.decomposeEssentialMat(matrix)
    best: tuple[float, tuple[Doubles, Doubles]] | None = None
    for turn in (one, two):
        for sign in (1, -1):
            pose = np.asarray(turn, np.float64), sign * np.asarray(shift, np.float64).ravel()
            score = judge(pose, couples, windows)[1]
            if score > 0 and (best is None or score > best[0]):
                best = score, pose
    return None if best is None else best[1]
