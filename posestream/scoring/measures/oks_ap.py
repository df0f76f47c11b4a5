"""Average precision by object keypoint similarity, as COCO's keypoint evaluation has it.

https://cocodataset.org/#keypoints-eval; the rules, down to which of two equal pairs counts, are
those of pycocotools' COCOeval, whose figures these are (compared in the tests to 1e-9).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.types.arrays import Doubles, Mask
from posestream.scoring.measures.scenes import Found, FoundPicture, LabelledPicture, Labels

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST_FOUND = 20  # people of a picture who count, those with the highest scores
# Square pixels; COCO has no small people.
AREAS = {"all": (0.0, 1e10), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
TINY = np.spacing(1)


@dataclass(frozen=True, slots=True, eq=False)
class _Matched:
    """(T, D) whether the found people count as right, and whether they do not count; by falling
    score. (D,) score. labelled: how many there are to be found.
    """

    right: Mask
    ignored: Mask
    score: Doubles
    labelled: int


def oks_ap(labels: Labels, found: Found) -> dict[str, float]:
    """AP and AR over OKS 0.5 to 0.95, at 0.5 and 0.75, of medium and large people; 0..1, NaN where
    nobody of the kind is labelled.
    """
    count = len(labels.keypoints)
    pairs = [
        (picture, _best(found.of(index, count))) for index, picture in enumerate(labels.pictures)
    ]
    tables = [similarity(picture, people, labels.sigmas) for picture, people in pairs]
    precision, recall = {}, {}
    for name, limits in AREAS.items():
        matched = [
            _match(picture, people, table, limits)
            for (picture, people), table in zip(pairs, tables, strict=True)
        ]
        precision[name], recall[name] = _accumulate(matched)
    every, reached = precision["all"], recall["all"]
    return {
        "AP": float(every.mean()),
        "AP50": float(every[0].mean()),
        "AP75": float(every[5].mean()),
        "APm": float(precision["medium"].mean()),
        "APl": float(precision["large"].mean()),
        "AR": float(reached.mean()),
        "AR50": float(reached[0]),
        "AR75": float(reached[5]),
        "ARm": float(recall["medium"].mean()),
        "ARl": float(recall["large"].mean()),
    }


def similarity(picture: LabelledPicture, found: FoundPicture, sigmas: Doubles) -> Doubles:
    """(D, P) OKS of the found to the labelled.

    What was not found counts as at (0, 0), as in COCO's results. Who has a box alone is compared
    with its box at twice the size.
    """
    table = np.zeros((len(found.xy), len(picture.xy)))
    places = np.nan_to_num(found.xy)
    spread = (2 * sigmas) ** 2
    for column, (xy, box, area) in enumerate(
        zip(picture.xy, picture.box, picture.area, strict=True)
    ):
        seen = ~np.isnan(xy[:, 0])
        if seen.any():
            apart = places[:, seen] - xy[seen]
            scale = spread[seen]
        else:
            low, high = box[:2] - box[2:], box[:2] + 2 * box[2:]
            apart = np.maximum(0, low - places) + np.maximum(0, places - high)
            scale = spread
        error = (apart**2).sum(axis=-1) / scale / (area + TINY) / 2
        table[:, column] = np.exp(-error).sum(axis=-1) / error.shape[1]
    return table


def _best(found: FoundPicture) -> FoundPicture:
    """By falling score, no more than count."""
    order = np.argsort(-found.score, kind="mergesort")[:MOST_FOUND]
    return FoundPicture(found.xy[order], found.score[order], found.id[order], found.box[order])


def _match(
    picture: LabelledPicture, found: FoundPicture, table: Doubles, limits: tuple[float, float]
) -> _Matched:
    """Each of the found, best first, takes the labelled person who is most alike and free."""
    least, most = limits
    unlabelled = np.isnan(picture.xy[..., 0]).all(axis=1)
    ignored = picture.crowd | unlabelled | (picture.area < least) | (picture.area > most)
    order = np.argsort(ignored, kind="mergesort")
    table, ignored, crowd = table[:, order], ignored[order], picture.crowd[order]
    shape = len(THRESHOLDS), len(found.score)
    right, aside = np.zeros(shape, bool), np.zeros(shape, bool)
    extent = _extents(found)
    outside = (extent < least) | (extent > most)
    for t, threshold in enumerate(THRESHOLDS):
        taken = np.zeros(len(ignored), bool)
        for row in range(len(table)):
            best, at = min(threshold, 1 - 1e-10), -1
            for column in range(len(ignored)):
                if taken[column] and not crowd[column]:
                    continue
                if at > -1 and not ignored[at] and ignored[column]:
                    break  # who counts comes first
                if table[row, column] >= best:
                    best, at = table[row, column], column
            if at == -1:
                aside[t, row] = outside[row]
            else:
                taken[at] = True
                aside[t, row], right[t, row] = ignored[at], not ignored[at]
    return _Matched(right, aside, found.score, int((~ignored).sum()))


def _extents(found: FoundPicture) -> Doubles:
    """(D,) areas of the boxes of the keypoints, as COCO takes them from results."""
    if not found.xy.size:
        return np.zeros(len(found.xy))
    places = np.nan_to_num(found.xy)
    extent: Doubles = (places.max(axis=1) - places.min(axis=1)).prod(axis=-1)
    return extent


def _accumulate(matched: list[_Matched]) -> tuple[Doubles, Doubles]:
    """(T, 101) precision at RECALLS and (T,) the recall that is reached; NaN without anybody."""
    labelled = sum(one.labelled for one in matched)
    if not labelled:
        return np.full((len(THRESHOLDS), len(RECALLS)), np.nan), np.full(len(THRESHOLDS), np.nan)
    score = np.concatenate([one.score for one in matched])
    order = np.argsort(-score, kind="mergesort")
    right, ignored = (
        np.concatenate([getattr(one, name) for one in matched], axis=1)[:, order]
        for name in ("right", "ignored")
    )
    precisions, recalls = np.zeros((len(THRESHOLDS), len(RECALLS))), np.zeros(len(THRESHOLDS))
    for t in range(len(THRESHOLDS)):
        hits = np.cumsum(right[t]).astype(float)
        misses = np.cumsum(~right[t] & ~ignored[t]).astype(float)
        if not len(hits):
            continue
        recall = hits / labelled
        recalls[t] = recall[-1]
        precision = np.maximum.accumulate((hits / (misses + hits + TINY))[::-1])[::-1]
        at = np.searchsorted(recall, RECALLS, side="left")
        reached = at < len(precision)
        precisions[t, reached] = precision[at[reached]]
    return precisions, recalls
