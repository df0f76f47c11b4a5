"""Identities over time: CLEAR MOT (Bernardin and Stiefelhagen 2008) and IDF1 (Ristani et al. 2016).

People match whose OKS, or where there are boxes alone whose IoU, is at least 0.5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from engines.types.arrays import Doubles, Floats
from engines.types.oks import iou
from posestream.scoring.measures.oks_ap import similarity
from posestream.scoring.measures.scenes import Found, Labels
from realtime.tracking.matching import assign

LEAST_ALIKE = 0.5
Step = tuple[Sequence[int], Sequence[int], Doubles]  # ids of P and of D people, (P, D) likeness


def following(labels: Labels, found: Found) -> dict[str, float]:
    """The figures over all pictures in order; MOTA and IDF1 reach 1, and MOTA has no floor."""
    return clear_mot(_steps(labels, found))


def _steps(labels: Labels, found: Found) -> Iterable[Step]:
    for index, picture in enumerate(labels.pictures):
        people = found.of(index, len(labels.keypoints))
        known, there = picture.id >= 0, people.id >= 0
        if labels.keypoints:
            alike = similarity(picture, people, labels.sigmas).T
        else:
            corners = (_corners(box) for box in (picture.box, people.box))
            alike = iou(*corners).astype(np.float64)
        table = alike[np.ix_(known, there)]
        yield picture.id[known].tolist(), people.id[there].tolist(), table


def _corners(box: Doubles) -> Floats:
    """(P, 4) left, top, width, height -> left, top, right, bottom."""
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1).astype(np.float32)


def clear_mot(steps: Iterable[Step]) -> dict[str, float]:
    """MOTA, IDF1, switches, misses and false people. Who was a pair in the frame before stays one
    as long as the two match; of the others as many are paired as can be, the most alike.
    """
    last: dict[int, int] = {}
    labelled = found = missed = switches = 0
    together: Counter[tuple[int, int]] = Counter()
    for ids, others, alike in steps:
        labelled, found = labelled + len(ids), found + len(others)
        match = alike >= LEAST_ALIKE
        for row, column in zip(*np.nonzero(match), strict=True):
            together[ids[row], others[column]] += 1
        pairs: dict[int, int] = {}
        for row, one in enumerate(ids):
            column = others.index(last[one]) if last.get(one) in others else -1
            if column >= 0 and match[row, column] and column not in pairs.values():
                pairs[row] = column
        rows = [row for row in range(len(ids)) if row not in pairs]
        columns = [column for column in range(len(others)) if column not in pairs.values()]
        if rows and columns:
            # As many pairs as there can be: how alike they are decides among equal numbers alone.
            worth = 1 - 0.4 * (1 - alike) / (len(ids) + 1)
            table = np.where(match, worth, 0)[np.ix_(rows, columns)]
            a, b = assign(table, LEAST_ALIKE)
            for row, column in zip(a.tolist(), b.tolist(), strict=True):
                one, other = ids[rows[row]], others[columns[column]]
                switches += last.get(one, other) != other
                pairs[rows[row]] = columns[column]
        last |= {ids[row]: others[column] for row, column in pairs.items()}
        missed += len(ids) - len(pairs)
    right = labelled - missed
    wrong = found - right
    return {
        "MOTA": 1 - (missed + wrong + switches) / labelled if labelled else np.nan,
        "IDF1": 2 * _longest(together) / max(labelled + found, 1),
        "recall": right / labelled if labelled else np.nan,
        "precision": right / found if found else np.nan,
        "switches": float(switches),
        "misses": float(missed),
        "false people": float(wrong),
    }


def _longest(together: Counter[tuple[int, int]]) -> int:
    """Frames in which labelled and found ids match, if each has one partner for all time."""
    if not together:
        return 0
    ids, others = (sorted({pair[n] for pair in together}) for n in (0, 1))
    table = np.zeros((len(ids), len(others)))
    for (one, other), frames in together.items():
        table[ids.index(one), others.index(other)] = frames
    rows, columns = assign(table / table.max(), 1e-6)
    return int(table[rows, columns].sum())
