"""How uncertain keypoints are, from how far measurements are from what was expected."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.multiview.innovations import InnovationRatio


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_the_ratio_is_that_of_true_to_assumed_variance(share: float) -> None:
    rng = np.random.default_rng(0)
    ratio = InnovationRatio(4)
    for _ in range(300):
        ratio.add(share * rng.chisquare(3, (2, 4)))
    np.testing.assert_allclose(ratio.ratio, share, rtol=0.15)


def test_a_keypoint_that_nobody_saw_is_as_the_others_and_nothing_is_as_assumed() -> None:
    rng = np.random.default_rng(1)
    ratio = InnovationRatio(3)
    ratio.add(np.full((2, 3), np.nan))
    np.testing.assert_array_equal(ratio.ratio, 1)
    for _ in range(300):
        squared = 0.2 * rng.chisquare(3, (2, 3))
        squared[:, 2] = np.nan
        ratio.add(squared)
    assert ratio.ratio[2] == pytest.approx(0.2, rel=0.2)
