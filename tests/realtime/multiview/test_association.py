"""Who in a view is whom in 3D, against all pairs of both."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from realtime.multiview.association import (
    MIN_COMMON_KEYPOINTS,
    MIN_MATCH_OKS,
    PERSON_SCALE_M,
    Association,
    Sightings,
)
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring

RIG = ring(4, radius=5)
ASSOCIATION = Association(RIG, BODY25)
PLACES = [(-1.2, 0.0), (-0.9, 0.2), (0.9, 0.4), (1.3, -0.8)]


def crowd(seed: int) -> tuple[np.ndarray, Sightings]:
    """Some people close to each other, and what the views saw of them."""
    rng = np.random.default_rng(seed)
    people = np.array([body(at, heading=rng.uniform(0, 6), phase=n) for n, at in enumerate(PLACES)])
    views = sightings(RIG, people, rng=rng, noise=8, missing=0.3)
    expected = people + rng.normal(0, 0.08, people.shape)
    expected[rng.random(people.shape[:2]) < 0.2] = np.nan
    return expected, Sightings.of(RIG, views, BODY25)


@pytest.mark.parametrize("seed", range(3))
def test_boxes_leave_out_only_pairs_that_are_nothing_to_each_other(seed: int) -> None:
    expected, seen = crowd(seed)
    there = ASSOCIATION.project_undistorted(expected)
    deviations = ASSOCIATION.deviations(ASSOCIATION.depths(expected))
    alike = ASSOCIATION.similarity(there, deviations, seen)
    assert (alike > MIN_MATCH_OKS).sum() >= 3 * len(PLACES)
    for v, p, d in np.ndindex(alike.shape):
        off = np.linalg.norm(there[:, v, p] - seen.undistorted[:, v, d], axis=0)[ASSOCIATION.body]
        known = np.isfinite(off)
        oks = np.exp(-0.5 * (off[known] / (2 * deviations[v, p, ASSOCIATION.body][known])) ** 2)
        wanted = oks.mean() if known.sum() >= MIN_COMMON_KEYPOINTS else 0.0
        assert alike[v, p, d] == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_detections_are_given_out_so_that_all_fit_best(seed: int) -> None:
    """Against all ways to do it, also where two people are most like the same detection."""
    expected, seen = crowd(seed)
    expected[1] = expected[0] + 0.05
    there = ASSOCIATION.project_undistorted(expected)
    deviations = ASSOCIATION.deviations(ASSOCIATION.depths(expected))
    memory = np.full((len(PLACES), len(RIG)), -1)
    chosen = ASSOCIATION.follow(there, deviations, memory, seen)
    alike = ASSOCIATION.similarity(there, deviations, seen)
    contested = 0
    for v, table in enumerate(alike):
        gain = np.maximum(table - MIN_MATCH_OKS, 0)
        contested += len(set(table.argmax(1))) < len(table)
        best = max(sum(gain[list(way), range(4)]) for way in permutations(range(4)))
        rows = np.flatnonzero(chosen[:, v] >= 0)
        assert len(set(chosen[rows, v])) == len(rows)
        assert gain[rows, chosen[rows, v]].sum() == pytest.approx(best)
    assert contested


def test_deviations_of_keypoints_are_those_of_bodies() -> None:
    depth = np.array([[0.1], [1.0], [3.0], [8.0]])
    both = ASSOCIATION.deviations(depth)
    keypoint = np.arange(len(BODY25.keypoints))
    one = ASSOCIATION.deviations_of(np.tile(depth, len(keypoint)), keypoint)
    np.testing.assert_allclose(one, both[:, 0])
    assert (one[-1] > PERSON_SCALE_M * np.array(BODY25.sigmas) / 8).all()
