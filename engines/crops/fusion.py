"""Two networks' opinions of the same people as one: a bottom-up network's and a crop network's.

The bottom-up network says who is there and keeps a limb that the crop does not show; the crop
network says where joints are, and how alike both are says how far a person is to be believed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Floats
from engines.types.errors import CardError
from engines.types.oks import BOX_AREA_SHARE, boxes, expected_oks, oks
from engines.types.poses import Poses

NEAR = 0.5  # similarity of two places from which on both networks mean the same joint
BOX_TO_KEYPOINTS_AREA = 1.4  # of a person's box to that of their keypoints, on COCO's labels


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """Constants of the fusion; they belong to the pair of networks.

    The defaults were chosen on 141 COCO photos with human-pose-estimation-0001 and MoveNet, and
    hold on both halves of these.
    guard: OKS to the first network's pose below which the crop network took somebody else.
    refuted: what the confidence of such a person is worth beside others', before the scaling of
        `person_scores`.
    own: confidence of the crop network below which a keypoint stays where the first network saw it.
    weight: how much a unit of the crop network's confidence counts for, beside one of the first
        network's, where both see a keypoint at nearly the same place: the mean of two that err
        independently errs less. A crop network with 1 or less follows nobody unasked.
    base: what a person's confidence is worth where both disagree; 1 + base where they agree.
    same: OKS at which two people are one.
    least: keypoints with less confidence are not given on.
    alone: least mean confidence of the crop network in somebody whom it alone has found, where the
        tracker expected them.
    """

    guard: float = 0.2
    refuted: float = 0.5
    own: float = 0.3
    weight: float = 3.0
    base: float = 0.3
    same: float = 0.5
    least: float = 0.05
    alone: float = 0.3

    def __post_init__(self) -> None:
        for name in ("guard", "refuted", "own", "base", "same", "least", "alone"):
            if not 0 <= getattr(self, name) <= 1:
                raise CardError(f"fusion {name} must be from 0 to 1, not {getattr(self, name)}.")
        if not 0 < self.weight <= 1000:
            raise CardError(f"fusion weight must be above 0, up to 1000, not {self.weight}.")


def fuse(
    first: Poses,
    seen: Poses,
    known: NDArray[np.bool_],
    looked: NDArray[np.bool_],
    settings: FusionSettings,
    expected: NDArray[np.bool_] | None = None,
) -> Poses:
    """The people of a picture after a second look, best first.

    first: P people, whom the first network found. seen: the same P as the crop network sees them,
    in the same skeleton; its NaN = no such place. known: (K,) which keypoints the crop network
    knows at all. looked: (P,) whether it looked at a person; who was not looked at stays as the
    first network says, and counts as if the crop network had disagreed. expected: (P,) who of them
    the first network did not find: `first` has where the tracker expects them, and what the crop
    network does not confirm of that is left out.
    """
    alike = _similarity(first, seen)
    agree, near = _mean_agreement(alike, first), alike >= NEAR
    sure = confidence(seen, known)
    guess = np.zeros(len(first), bool) if expected is None else expected
    taken = looked & (agree >= settings.guard) & (~guess | (sure >= settings.alone))
    better = known & ~np.isnan(seen.xy[..., 0])
    better &= (seen.score >= settings.own) | ~first.found | guess[:, None]
    better &= taken[:, None]
    fused = _mixed(first, seen, known, better, near, taken, agree, guess, settings)
    # Whose crop showed a neighbour is where the first network says, unless that saw one person too.
    twins = same_as_better(fused, settings.same)
    if (twins >= 0).any():
        apart = (twins >= 0) & ~guess & ~_upon(first, twins, settings.same)
        taken &= ~apart
        better &= ~apart[:, None]
        fused = _mixed(first, seen, known, better, near, taken, agree, guess, settings)
        twins = same_as_better(fused, settings.same)
    order = np.argsort(-fused.person_score, kind="stable")
    return fused.some(order[((twins < 0) & fused.found.any(axis=1))[order]])


def _mixed(
    first: Poses,
    seen: Poses,
    known: NDArray[np.bool_],
    better: NDArray[np.bool_],
    near: NDArray[np.bool_],
    taken: NDArray[np.bool_],
    agree: Floats,
    guess: NDArray[np.bool_],
    settings: FusionSettings,
) -> Poses:
    """The same people; keypoints of the crop network where it is `better`, (P, K), and the mean
    of both where they are `near` each other, (P, K).
    """
    near = near & better & ~guess[:, None]
    trust = settings.weight * seen.score
    share = trust / np.maximum(trust + first.score, 1e-6)
    mean = first.xy + share[..., None] * (seen.xy - first.xy)
    xy = np.where(near[..., None], mean, np.where(better[..., None], seen.xy, first.xy))
    score = np.where(better, seen.score, first.score)
    weak = (taken[:, None] & (score < settings.least)) | (guess[:, None] & ~better)
    xy = np.where(weak[..., None], np.float32(np.nan), xy)
    score = np.where(weak, np.float32(0), score)
    doubted = settings.refuted * mean_confidence(first) / (1 + settings.base)
    person = np.where(taken, person_scores(confidence(seen, known), agree, settings), doubted)
    person = (person * expected_oks(xy, first.skeleton)).astype(np.float32)
    return replace(first, xy=xy, score=score, person_score=person, refined=taken)


def agreement(first: Poses, seen: Poses) -> Floats:
    """(P,) OKS between two opinions of each body, over the keypoints that both have."""
    return _mean_agreement(_similarity(first, seen), first)


def _mean_agreement(similarity: Floats, first: Poses) -> Floats:
    """(P, K) similarity of keypoints -> (P,) of bodies."""
    alike = similarity[:, np.array(first.skeleton.body)]
    common = ~np.isnan(alike)
    mean: Floats = np.where(common, alike, 0).sum(axis=1) / np.maximum(common.sum(axis=1), 1)
    return mean


def _similarity(first: Poses, seen: Poses) -> Floats:
    """(P, K) keypoint similarity of two opinions, by the body's area; NaN where one has none."""
    area = _areas(first.xy[:, np.array(first.skeleton.body)])
    apart = ((first.xy - seen.xy) ** 2).sum(axis=-1)
    wide = 2 * (2 * np.array(first.skeleton.sigmas, np.float32)) ** 2
    alike: Floats = np.exp(-apart / (wide * area[:, None]))
    return alike


def confidence(seen: Poses, known: NDArray[np.bool_]) -> Floats:
    """(P,) mean over all keypoints that the crop network knows."""
    if not known.any():
        return np.zeros(len(seen), np.float32)
    mean: Floats = seen.score[:, known].mean(axis=1)
    return mean


def person_scores(sure: Floats, agree: Floats, settings: FusionSettings) -> Floats:
    """(P,) 0..1 of people with these `confidence` and `agreement`: 1 where both are 1."""
    return np.asarray(sure * (settings.base + agree) / (1 + settings.base), np.float32)


def mean_confidence(poses: Poses) -> Floats:
    """(P,) mean over the keypoints that were found."""
    mean: Floats = poses.score.sum(axis=1) / np.maximum(poses.found.sum(axis=1), 1)
    return mean


def same_as_better(poses: Poses, same: float) -> NDArray[np.intp]:
    """(P,) the row of somebody better who is the same person, -1 = there is none (OKS-NMS)."""
    twin = np.full(len(poses), -1)
    if len(poses) < 2:
        return twin
    alike = _alike(poses)
    kept: list[int] = []
    for row in np.argsort(-poses.person_score, kind="stable").tolist():
        upon = [other for other in kept if alike[row, other] > same]
        if upon:
            twin[row] = upon[0]
        else:
            kept.append(row)
    return twin


def _upon(poses: Poses, others: NDArray[np.intp], same: float) -> NDArray[np.bool_]:
    """(P,) whether each person is the one in the row that `others` has; -1 = no."""
    alike = _alike(poses)[np.arange(len(poses)), others]
    return np.asarray((others >= 0) & (alike > same))


def _alike(poses: Poses) -> Floats:
    """(P, P) OKS between the bodies of all, the larger of both ways."""
    body = np.array(poses.skeleton.body)
    xy, sigmas = poses.xy[:, body], np.array(poses.skeleton.sigmas, np.float32)[body]
    alike, _ = oks(xy, xy, _areas(xy)[:, None], sigmas)
    return np.maximum(alike, alike.T)


def _areas(xy: Floats) -> Floats:
    """(P,) area of the people whose keypoints these are, as COCO has it."""
    corners = boxes(xy)
    side = corners[:, 2:] - corners[:, :2]
    area: Floats = np.fmax(BOX_TO_KEYPOINTS_AREA * BOX_AREA_SHARE * side[:, 0] * side[:, 1], 1)
    return area
