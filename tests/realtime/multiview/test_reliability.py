"""How uncertain keypoints are, from how far measurements are from what was expected."""

from __future__ import annotations

import numpy as np
import pytest

from engines.types.arrays import Doubles
from realtime.multiview.reliability import (
    USUAL_TRUST,
    FilterVarianceRatio,
    VarianceRatio,
    trust_judged,
    trust_later,
    trusted,
)
from realtime.multiview.track_table_3d import Bodies


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_the_ratio_is_that_of_true_to_assumed_variance(share: float) -> None:
    rng = np.random.default_rng(0)
    ratio = VarianceRatio(4)
    for _ in range(300):
        ratio.add(share * rng.chisquare(3, (2, 4)) / 3)
    np.testing.assert_allclose(ratio.ratio, share, rtol=0.15)


def test_a_keypoint_that_nobody_saw_is_as_the_others_and_nothing_is_as_assumed() -> None:
    rng = np.random.default_rng(1)
    ratio = VarianceRatio(3)
    ratio.add(np.full((2, 3), np.nan))
    np.testing.assert_array_equal(ratio.ratio, 1)
    for _ in range(300):
        squared = 0.2 * rng.chisquare(3, (2, 3))
        squared[:, 2] = np.nan
        ratio.add(squared / 3)
    assert ratio.ratio[2] == pytest.approx(0.2, rel=0.2)


@pytest.mark.parametrize(("noise", "wander"), [(0.1, 0.3), (0.2, 1.0), (1.0, 1.0), (0.5, 1.5)])
def test_the_ratio_of_a_filter_is_that_of_its_errors(noise: float, wander: float) -> None:
    """400 points walk at random, measured with `noise` of the assumed variance, and wander by that
    share of what the filter assumes: its true errors are known.
    """
    rng = np.random.default_rng(3)
    truth, state, variance = np.zeros(400), np.zeros(400), 1.0
    ratio, squared = FilterVarianceRatio([0.1]), []
    for n in range(60):
        truth = truth + rng.normal(0, np.sqrt(1.5 * wander), 400)
        measured = truth + rng.normal(0, np.sqrt(noise), 400)
        expected = variance + 1.5
        gain = expected / (expected + 1.0)
        innovation = measured - state
        state, variance = state + gain * innovation, (1 - gain) * expected
        if n > 10:
            residuals = noise * rng.chisquare(1, (400, 1))
            ratio.add(
                (innovation**2 / (expected + 1.0))[:, None], np.full((400, 1), gain), residuals
            )
            squared.append(np.mean((state - truth) ** 2) / variance)
    assert ratio.ratio[0] == pytest.approx(np.mean(squared), rel=0.1)


@pytest.mark.parametrize(("shown", "share"), [(0.1, 0.5), (0.35, 0.7), (2.0, 1.0)])
def test_sightings_of_joints_are_off_by_twice_what_views_show(shown: float, share: float) -> None:
    """In variance, and by half of what is assumed or more; an eye by what is assumed."""
    rng = np.random.default_rng(0)
    ratio, gains = FilterVarianceRatio([0.08, 0.025]), np.full((2, 2), 0.5)
    for _ in range(300):
        residuals = shown / ratio.share**2 * rng.chisquare(7, (2, 2)) / 7
        ratio.add(np.full((2, 2), np.nan), gains, residuals)
    np.testing.assert_allclose(ratio.share**2, [share, 1], rtol=0.1)


def judged(off: list[float], used: list[bool], frames: int = 1) -> Doubles:
    """(V,) trust in views of one keypoint that were so many deviations off, frame after frame."""
    views = len(off)
    xy = np.zeros((2, views, 1, 1))
    xy[0, :, 0, 0] = off
    bodies = Bodies(xy, np.ones((views, 1, 1)))
    trust = np.full((1, views, 1), USUAL_TRUST)
    for _ in range(frames):
        trust = trust_judged(
            trust,
            bodies,
            np.zeros_like(xy),
            np.ones((views, 1, 1)),
            np.array(used)[:, None, None],
        )
    return trust[0, :, 0]


def test_a_view_that_is_off_where_three_agree_is_not_trusted_for_a_while() -> None:
    trust = judged([0.5, 1.0, 0.3, 8.0], [True, True, True, False])
    assert trust[:3].min() > 0.95
    assert trust[3] < 0.01
    bodies = Bodies(np.zeros((2, 4, 1, 1)), np.full((4, 1, 1), 0.7))
    score = trusted(bodies, trust[None, :, None]).score[:, 0, 0]
    np.testing.assert_allclose(score[:3], 0.7)
    assert score[3] < 0.01
    forgotten = trust_later(trust, 3.0)
    np.testing.assert_allclose(forgotten, USUAL_TRUST, atol=0.01)


def test_of_two_views_nobody_knows_which_is_wrong() -> None:
    np.testing.assert_array_equal(judged([3.0, 0.1], [True, True], frames=5), USUAL_TRUST)
    np.testing.assert_array_equal(judged([0.1, 8.0], [True, False], frames=5), USUAL_TRUST)
