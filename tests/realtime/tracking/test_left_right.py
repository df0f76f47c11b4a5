"""Limbs that swap sides for a moment."""

from __future__ import annotations

import numpy as np
import pytest

from engines.types.skeleton import named_skeleton
from realtime.tracking.left_right import MAX_MIRRORED_S, LeftRightConsistency
from tests.synth import person

SKELETON = named_skeleton("coco18")
NAMES = SKELETON.keypoints
BODY = person((300, 180), 200)[None].astype(np.float32)
SCORE = np.linspace(0.3, 0.9, len(NAMES), dtype=np.float32)[None]
AREA = np.array([100.0 * 200.0], np.float32)


def swapped(*parts: str) -> tuple[np.ndarray, np.ndarray]:
    """The body with these parts on the other side, and the scores."""
    xy, score = BODY.copy(), SCORE.copy()
    for n, name in enumerate(NAMES):
        if name.partition("_")[2] in parts:
            xy[:, n], score[:, n] = BODY[:, SKELETON.mirror[n]], SCORE[:, SKELETON.mirror[n]]
    return xy, score


def never() -> np.ndarray:
    return np.full((1, len(LeftRightConsistency(SKELETON))), np.inf)


@pytest.mark.parametrize(
    "parts", [("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"), ("eye", "ear")]
)
def test_a_limb_that_swaps_sides_is_put_back_with_its_scores(parts: tuple[str, ...]) -> None:
    xy, score = swapped(*parts)
    assert np.abs(xy - BODY).max() > 5
    put_back, scores, since = LeftRightConsistency(SKELETON).repair(
        BODY, xy, score, AREA, never(), 7.0
    )
    np.testing.assert_array_equal(put_back, BODY)
    np.testing.assert_array_equal(scores, SCORE)
    assert sorted(since[0].tolist()) == [7.0, np.inf, np.inf]


def test_what_stays_mirrored_is_believed() -> None:
    """Somebody has turned round."""
    xy, score = swapped("hip", "knee", "ankle")
    flips, since = LeftRightConsistency(SKELETON), never()
    answers = []
    for now in (1.0, 1.0 + 0.9 * MAX_MIRRORED_S, 1.0 + 1.1 * MAX_MIRRORED_S):
        found, _, since = flips.repair(BODY, xy, score, AREA, since, now)
        answers.append(np.array_equal(found, xy))
    assert answers == [False, False, True]


def test_a_body_that_is_where_it_was_expected_or_moves_is_left_alone() -> None:
    for off in (0.0, 3.0, 40.0):
        xy = BODY + np.float32(off)
        found, scores, since = LeftRightConsistency(SKELETON).repair(
            BODY, xy, SCORE, AREA, never(), 1.0
        )
        np.testing.assert_array_equal(found, xy)
        np.testing.assert_array_equal(scores, SCORE)
        assert np.isinf(since).all()


def test_limbs_that_are_seen_from_the_side_are_left_alone() -> None:
    """Left and right are almost in one place: swapping them would mean nothing."""
    side = BODY.copy()
    side[..., 0] = 300 + 0.02 * (side[..., 0] - 300)
    mirrored = side[:, SKELETON.mirror]
    found = LeftRightConsistency(SKELETON).repair(side, mirrored, SCORE, AREA, never(), 1.0)[0]
    np.testing.assert_array_equal(found, mirrored)
