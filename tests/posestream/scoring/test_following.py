"""MOTA and IDF1 against motmetrics, on people who cross, hide and are mistaken for each other."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posestream.scoring.labels.reading import read_labels
from posestream.scoring.measures.following import Step, clear_mot, following
from posestream.scoring.results import read_results

THEIRS = {
    "MOTA": "mota",
    "IDF1": "idf1",
    "recall": "recall",
    "precision": "precision",
    "switches": "num_switches",
    "misses": "num_misses",
    "false people": "num_false_positives",
}


def theirs(steps: list[Step]) -> dict[str, float]:
    mm = pytest.importorskip("motmetrics")
    account = mm.MOTAccumulator(auto_id=True)
    for ids, others, alike in steps:
        account.update(ids, others, np.where(alike >= 0.5, 1 - alike, np.nan))
    return computed(account)


def computed(account: Any) -> dict[str, float]:
    mm = pytest.importorskip("motmetrics")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = mm.metrics.create().compute(account, metrics=[*THEIRS.values()], name="all")
    return {name: float(table.loc["all", own]) for name, own in THEIRS.items()}


@pytest.mark.parametrize("seed", range(8))
def test_figures_are_those_of_motmetrics(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps: list[Step] = []
    names = {who: who + 10 for who in range(6)}
    for _ in range(60):
        ids = [who for who in range(6) if rng.random() < 0.8]
        if rng.random() < 0.2:
            a, b = rng.choice(6, 2, replace=False)
            names[a], names[b] = names[b], names[a]
        if rng.random() < 0.1:
            names[int(rng.integers(6))] = int(rng.integers(100, 10_000))
        seen = [who for who in ids if rng.random() < 0.85]
        others = [names[who] for who in seen] + ([99_999] if rng.random() < 0.3 else [])
        alike = rng.uniform(0, 0.65, (len(ids), len(others)))
        for column, who in enumerate(seen):
            alike[ids.index(who), column] = rng.uniform(0.55, 1)
        steps.append((ids, others, alike))
    ours, want = clear_mot(steps), theirs(steps)
    assert want["switches"] > 5
    for name, value in want.items():
        assert ours[name] == pytest.approx(value, abs=1e-9), name


def test_real_boxes_of_another_tracker(data: Path) -> None:
    """TUD-Campus: as MOTChallenge's files have them."""
    mm = pytest.importorskip("motmetrics")
    folder = data / "mot-tud-campus"
    truth, results = folder / "gt" / "gt.txt", folder / "peer_cem.txt"
    found, labels = read_results(results, read_labels(truth))
    account = mm.MOTAccumulator(auto_id=True)
    there, seen = (np.loadtxt(path, delimiter=",") for path in (truth, results))
    for frame in range(1, int(there[:, 0].max()) + 1):
        one, other = there[there[:, 0] == frame], seen[seen[:, 0] == frame]
        table = np.array([[overlap(a[2:6], b[2:6]) for b in other] for a in one])
        table = table.reshape(len(one), len(other))
        apart = np.where(table >= 0.5, 1 - table, np.nan)
        account.update(one[:, 1].tolist(), other[:, 1].tolist(), apart)
    want = computed(account)
    assert want["recall"] > 0.5
    ours = following(labels, found)
    for name, value in want.items():
        assert ours[name] == pytest.approx(value, abs=1e-9), name


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes: left, top, width, height."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(wide, 0) * max(high, 0)
    return float(both / (one[2] * one[3] + other[2] * other[3] - both))
