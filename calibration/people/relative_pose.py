"""How two cameras stand to each other, from people who walk before both.

Who in one view is who in the other is not known: five-point essential matrices (Nister, "An
Efficient Solution to the Five-Point Relative Pose Problem", 2004) of every pair of tracks are
judged by how well they explain all poses of both views.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from calibration.geometry.arrays import Doubles, Floats, Ints, Mask
from calibration.geometry.camera import rotation_matrix
from calibration.geometry.triangulation import cross
from calibration.people.observations import Couples, Crowd

GATE = 3.0  # deviations beyond which a keypoint tells nothing but that it does not fit
FITS = 0.5  # mean gain of the keypoints from which on two tracks may be one person
WINDOW = 50  # instants over which a track is trusted to be one person
SAMPLES = 300  # of five keypoints
JUDGED = 250  # couples that hypotheses are judged by
KEPT = 12  # hypotheses that are refined
BLOCK = 64  # hypotheses at once
SIZES = 0.25  # deviation of the logarithm of two views' sizes of one body
PARALLEL = np.radians(1.0)


@dataclass(frozen=True, slots=True, eq=False)
class TwoView:
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
    samples: int = SAMPLES,
) -> list[TwoView]:
    """The likeliest poses of the second camera, best first."""
    where = windows(couples, crowds)
    few = np.sort(rng.permutation(len(couples))[:JUDGED])
    hypotheses = _hypotheses(couples, crowds, rng, samples)
    if not len(hypotheses):
        return []
    judged, some = couples[few], where[few]
    scores = np.concatenate(
        [
            _scores(_gains(hypotheses[at : at + BLOCK], judged), some)[0]
            for at in range(0, len(hypotheses), BLOCK)
        ]
    )
    found: list[TwoView] = []
    for n in np.argsort(-scores)[:KEPT]:
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
            found.append(TwoView(*pose, score, couples[kept], body[kept]))
    found.sort(key=lambda one: -one.score)
    different: list[TwoView] = []
    for one in found:
        if all(_apart(one, other) for other in different):
            different.append(one)
    return different[:most]


def _apart(one: TwoView, other: TwoView) -> bool:
    turn = np.trace(one.rotation @ other.rotation.T)
    return bool(turn < 1 + 2 * np.cos(np.radians(5)) or one.translation @ other.translation < 0.99)


def windows(couples: Couples, crowds: tuple[Crowd, Crowd]) -> Ints:
    """(S, 3) window, and the tracks of both."""
    instant = crowds[0].instant[couples.one]
    _, place = np.unique(instant, return_inverse=True)
    return np.stack(
        [place // WINDOW, crowds[0].track[couples.one], crowds[1].track[couples.other]], 1
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
    gain = (1 - np.minimum(off / GATE, 1) ** 2) * weight
    begin = np.concatenate([[0], known.sum(1).cumsum()[:-1]])
    total = np.add.reduceat(gain, begin, axis=1) / np.add.reduceat(weight, begin)
    return np.asarray(total, np.float64)


def sampson(matrices: Doubles, p: Doubles, q: Doubles, deviation: Doubles) -> Floats:
    """(H, N) Sampson distances in deviations (Hartley and Zisserman, 11.4.3)."""
    # Four digits are enough to judge by, and half the time; so is one coordinate after another.
    matrix, of_p, of_q = matrices.astype(np.float32), *deviation.astype(np.float32)
    rays_p, rays_q = p.T.astype(np.float32), q.T.astype(np.float32)
    there, here = matrix @ rays_p, matrix.swapaxes(-1, -2) @ rays_q
    off = there[:, 0] * rays_q[0] + there[:, 1] * rays_q[1] + there[:, 2]
    width = (here[:, 0] ** 2 + here[:, 1] ** 2) * of_p**2
    width += (there[:, 0] ** 2 + there[:, 1] ** 2) * of_q**2
    far: Floats = np.abs(off) / np.sqrt(np.maximum(width, np.float32(1e-30)))
    return far


def _scores(gains: Doubles, windows: Ints) -> tuple[Doubles, Mask]:
    """(H,) scores, and (H, S) whether each couple is of tracks that are each other's best."""
    labels, which = np.unique(windows, axis=0, return_inverse=True)
    count = np.bincount(which)
    order = np.argsort(which, kind="stable")
    begin = np.concatenate([[0], count.cumsum()[:-1]])
    total = np.add.reduceat(gains[:, order] - FITS, begin, axis=1)  # (H, L)
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
    like = np.where(known, np.exp(-0.5 * (np.where(known, ratio, 0) / SIZES) ** 2), 0)
    gain = gain * like
    scores, chosen = _scores(gain, windows)
    return np.where(chosen[0] & (gain[0] > FITS), gain[0], 0), float(scores[0]), body


def essential(rotation: Doubles, translation: Doubles) -> Doubles:
    """(3, 3)"""
    x, y, z = translation
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ rotation


def depths(pose: tuple[Doubles, Doubles], couples: Couples) -> Doubles:
    """(2, S, K) of the keypoints in both cameras, in baselines; NaN where rays are parallel."""
    p, q = couples.p @ pose[0].T, couples.q
    normal = cross(p, q)
    size = (normal**2).sum(-1)
    t = np.broadcast_to(pose[1], q.shape)
    lengths = (p**2).sum(-1) * (q**2).sum(-1)
    with np.errstate(all="ignore"):
        both = np.stack([(cross(q, t) * normal).sum(-1), (cross(p, t) * normal).sum(-1)]) / size
    return np.where((couples.weight > 0) & (size > PARALLEL**2 * lengths), both, np.nan)


def sizes(pose: tuple[Doubles, Doubles], couples: Couples) -> tuple[Doubles, Doubles]:
    """(S,) extents of bodies in baselines, NaN behind a camera; (S,) logarithms of the ratio of
    the two views' extents.
    """
    depth = depths(pose, couples)
    known = np.isfinite(depth[0])
    count = np.maximum(known.sum(-1), 1)
    middle = np.sort(np.where(known, depth, np.inf), -1)[:, np.arange(len(count)), count // 2]
    seen = couples.weight > 0
    share = seen / seen.sum(-1, keepdims=True)
    extent = []
    for rays, far in zip((couples.p, couples.q), middle, strict=True):
        mean = (rays[..., :2] * share[..., None]).sum(1, keepdims=True)
        spread = (((rays[..., :2] - mean) ** 2).sum(-1) * share).sum(-1)
        extent.append(np.where((far > 0) & np.isfinite(far), np.sqrt(spread) * far, np.nan))
    with np.errstate(all="ignore"):
        return np.sqrt(extent[0] * extent[1]), np.log(extent[0] / extent[1])


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


def refined(pose: tuple[Doubles, Doubles], couples: Couples) -> tuple[Doubles, Doubles]:
    """Least Sampson distances by Gauss and Newton with Huber's weights."""
    turn, shift = pose
    p, q = couples.p.reshape(-1, 3), couples.q.reshape(-1, 3)
    of_p, of_q = couples.deviation.reshape(2, -1)
    weight = couples.weight.ravel()
    for _ in range(8):
        matrix = essential(turn, shift)
        r = p @ turn.T
        there, here = p @ matrix.T, q @ matrix
        width = (here[:, :2] ** 2).sum(-1) * of_p**2 + (there[:, :2] ** 2).sum(-1) * of_q**2
        scale = 1 / np.sqrt(np.maximum(width, 1e-300))
        off = (there * q).sum(-1) * scale
        across = np.linalg.svd(shift[None])[2][1:]  # two directions square to the translation
        by_turn = cross(r, cross(q, np.broadcast_to(shift, q.shape)))
        by_shift = cross(r, q) @ across.T
        jacobian = np.concatenate([by_turn, by_shift], 1) * scale[:, None]
        own = weight * np.minimum(1, 1 / np.maximum(np.abs(off), 1e-9))
        left = jacobian.T @ (jacobian * own[:, None])
        step = -np.linalg.solve(left + 1e-9 * np.trace(left) * np.eye(5), jacobian.T @ (own * off))
        turn = rotation_matrix(step[:3]) @ turn
        shift = shift + step[3:] @ across
        shift = shift / np.linalg.norm(shift)
    return turn, shift
