"""OKS against pycocotools."""

import numpy as np
import pytest
from pycocotools import cocoeval

from engines.types.oks import PLACED_WITHIN_PX, areas, boxes, expected_oks, oks
from engines.types.skeleton import named_skeleton
from tests.synth import SKELETON, hide, person

COCO = named_skeleton("coco17")


def as_coco(points: np.ndarray) -> np.ndarray:
    return points[[SKELETON.keypoints.index(name) for name in COCO.keypoints]]


def test_oks_is_that_of_pycocotools() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([as_coco(person((200 + 40 * n, 200), 150, rng=rng)) for n in range(4)])
    guess = truth[::-1] + rng.normal(0, 12, truth.shape)
    area = rng.uniform(4000, 12000, 4)
    judge = cocoeval.COCOeval(iouType="keypoints")
    judge.params.imgIds, judge.params.catIds = [1], [1]
    judge._gts[1, 1] = [
        {
            "keypoints": np.column_stack([one, np.full(17, 2)]).ravel().tolist(),
            "area": float(size),
            "bbox": [0, 0, 1, 1],
        }
        for one, size in zip(truth, area, strict=True)
    ]
    judge._dts[1, 1] = [
        {"keypoints": np.column_stack([one, np.ones(17)]).ravel().tolist(), "score": 1 - n / 10}
        for n, one in enumerate(guess)
    ]
    expected = judge.computeOks(1, 1).T
    sigmas = np.array(COCO.sigmas, np.float32)
    alike, common = oks(
        truth.astype(np.float32), guess.astype(np.float32), area[:, None].astype(np.float32), sigmas
    )
    np.testing.assert_allclose(alike, expected, atol=1e-4)
    assert (common == 17).all()


def test_only_keypoints_of_both_count() -> None:
    whole = person((100, 100), 90)
    upper = hide(whole, "left_ankle", "right_ankle", "left_knee", "right_knee")
    pair = [points[None].astype(np.float32) for points in (upper, whole)]
    alike, common = oks(*pair, areas(pair[1]), np.array(SKELETON.sigmas, np.float32))
    assert alike == pytest.approx(1)
    assert common == 14
    nothing = np.full((1, 18, 2), np.nan, np.float32)
    alike, common = oks(nothing, pair[1], areas(pair[1]), np.array(SKELETON.sigmas, np.float32))
    assert (alike, common) == (0, 0)


def test_boxes_and_areas() -> None:
    points = np.full((2, 3, 2), np.nan, np.float32)
    points[0] = (10, 20), (40, 120), (np.nan, np.nan)
    np.testing.assert_array_equal(boxes(points)[0], [10, 20, 40, 120])
    assert np.isnan(boxes(points)[1]).all()
    assert areas(points)[0] == pytest.approx(0.53 * 30 * 100)
    assert areas(points)[1] == 1


def test_area_of_somebody_from_the_side_is_not_nothing() -> None:
    line = np.zeros((1, 3, 2), np.float32)
    line[0, :, 1] = 0, 50, 100
    assert areas(line) > 1000


@pytest.mark.parametrize("height", [12.0, 40.0, 300.0])
def test_the_expected_similarity_is_the_mean_over_errors(height: float) -> None:
    """Beside 4 000 poses whose keypoints are a normally distributed distance off."""
    rng = np.random.default_rng(0)
    truth = person((300, 300), height)[None].astype(np.float32)
    off = truth + rng.normal(0, PLACED_WITHIN_PX, (4000, *truth.shape[1:])).astype(np.float32)
    sigmas = np.array(SKELETON.sigmas, np.float32)
    alike, _ = oks(truth, off, areas(truth)[:, None], sigmas)
    np.testing.assert_allclose(expected_oks(truth, SKELETON), alike.mean(), rtol=0.01)
    nobody = np.full_like(truth, np.nan)
    assert 0 <= expected_oks(nobody, SKELETON)[0] < 0.01
