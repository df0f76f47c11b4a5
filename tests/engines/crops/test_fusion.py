"""Two opinions of the same people as one, rule by rule."""

import numpy as np
import pytest

from engines.crops.fusion import FusionSettings, agreement, fuse, same_as_better
from engines.types.arrays import Floats
from engines.types.errors import CardError
from engines.types.oks import expected_oks
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from engines.types.skeleton_conversion import converted
from tests.synth import SKELETON, person

ALL = np.ones(len(SKELETON.keypoints), bool)
NOSE, NECK, ANKLE = (SKELETON.keypoints.index(name) for name in ("nose", "neck", "left_ankle"))


def poses(*people: np.ndarray, score: float = 0.8) -> Poses:
    xy = np.stack(people).astype(np.float32)
    found = ~np.isnan(xy[..., 0])
    scores = np.where(found, np.float32(score), np.float32(0))
    return Poses(SKELETON, xy, scores, (scores.sum(axis=1) * 2).astype(np.float32))


def look(first: Poses, seen: Poses, looked: bool = True, **constants: float) -> Poses:
    everybody = np.full(len(first), looked)
    return fuse(first, seen, ALL, everybody, FusionSettings(**constants))


BODY = person((200, 200), 150)
# What everybody's score is times, by their size; test_oks.py has known answers.
SIZE = expected_oks(BODY[None].astype(np.float32), SKELETON)


def test_where_both_agree_the_mean_says_where_and_the_crop_network_how_sure() -> None:
    """3 x 0.9 for the one to 0.5 for the other."""
    first, seen = poses(BODY, score=0.5), poses(BODY + 2, score=0.9)
    seen.xy[0, ANKLE] = first.xy[0, ANKLE] + 200
    fused = look(first, seen)
    others = np.arange(len(ALL)) != ANKLE
    np.testing.assert_allclose(fused.xy[0, others], BODY[others] + 2 * 2.7 / 3.2, rtol=1e-6)
    # Of two places that cannot be one the crop network's is taken.
    np.testing.assert_array_equal(fused.xy[0, ANKLE], seen.xy[0, ANKLE])
    seen = poses(BODY + 2, score=0.9)
    fused = look(first, seen, weight=1000)
    np.testing.assert_allclose(fused.xy, seen.xy, atol=0.01)
    np.testing.assert_allclose(fused.score, seen.score)
    alike = agreement(first, seen)[0]
    assert 0.7 < alike < 1
    np.testing.assert_allclose(fused.person_score, 0.9 * (0.3 + alike) / 1.3 * SIZE, rtol=0.02)


def test_agreement_is_object_keypoint_similarity() -> None:
    """Known answer: two keypoints, one in place, one a known number of sigmas off."""
    first = np.full((18, 2), np.nan)
    first[NOSE], first[ANKLE] = (100, 100), (200, 300)
    area = 0.53 * 1.4 * 100 * 200
    off = 2 * SKELETON.sigmas[ANKLE] * np.sqrt(area)  # exp(-off^2 / (2 (2 sigma)^2 area))
    seen = first.copy()
    seen[ANKLE] += (0, off)
    alike = agreement(poses(first), poses(seen))
    np.testing.assert_allclose(alike, [(1 + np.exp(-0.5)) / 2], rtol=1e-5)


def test_crop_network_that_took_somebody_else_changes_nothing() -> None:
    first, seen = poses(BODY, score=0.6), poses(BODY + 120, score=0.99)
    fused = look(first, seen)
    np.testing.assert_array_equal(fused.xy, first.xy)
    np.testing.assert_array_equal(fused.score, first.score)
    np.testing.assert_allclose(fused.person_score, 0.5 * 0.6 / 1.3 * SIZE, rtol=1e-5)


def test_unsure_keypoint_stays_where_the_first_network_saw_it() -> None:
    first, seen = poses(BODY, score=0.5), poses(BODY + 3, score=0.9)
    seen.score[0, ANKLE] = 0.29
    fused = look(first, seen)
    np.testing.assert_array_equal(fused.xy[0, ANKLE], first.xy[0, ANKLE])
    assert fused.score[0, ANKLE] == np.float32(0.5)
    others = np.arange(len(ALL)) != ANKLE
    assert (np.abs(fused.xy - first.xy)[0, others] > 2).all()


def test_the_mean_of_two_errs_less_than_either() -> None:
    """Errors of both are independent, and those of the crop network half as large."""
    rng = np.random.default_rng(0)
    many = [BODY] * 200
    first = poses(*many, score=0.6)
    seen = poses(*many, score=0.6)
    first.xy[:] += rng.normal(0, 4, first.xy.shape)
    seen.xy[:] += rng.normal(0, 2, seen.xy.shape)
    errors = [
        float(np.sqrt(np.mean([(look(a, b, **how).xy - BODY) ** 2 for a, b in pairs])))
        for how in ({}, {"weight": 1000.0})
        for pairs in [[(first.some(np.array([n])), seen.some(np.array([n]))) for n in range(200)]]
    ]
    assert errors[0] < 0.95 * errors[1]


def test_keypoint_that_the_first_network_missed_is_the_crop_networks_unless_too_weak() -> None:
    missing = BODY.copy()
    missing[[ANKLE, NOSE]] = np.nan
    seen = poses(BODY, score=0.9)
    seen.score[0, ANKLE], seen.score[0, NOSE] = 0.15, 0.04
    fused = look(poses(missing), seen)
    np.testing.assert_array_equal(fused.xy[0, ANKLE], seen.xy[0, ANKLE])
    assert fused.score[0, ANKLE] == np.float32(0.15)
    assert np.isnan(fused.xy[0, NOSE]).all()
    assert fused.score[0, NOSE] == 0


def test_keypoints_that_the_crop_network_does_not_know_stay() -> None:
    """A crop network of the body alone, on a skeleton that has feet too."""
    body25, coco17 = named_skeleton("body25"), named_skeleton("coco17")
    rng = np.random.default_rng(0)
    xy = rng.uniform(100, 300, (1, 25, 2)).astype(np.float32)
    score = np.full((1, 25), 0.7, np.float32)
    first = Poses(body25, xy, score, np.ones(1, np.float32))
    seen17 = Poses(
        coco17, converted(first, coco17).xy + 1, np.full((1, 17), 0.9, np.float32), score[:, 0]
    )
    seen = converted(seen17, body25)
    known = ~np.isnan(seen.xy[0, :, 0])
    fused = fuse(first, seen, known, np.ones(1, bool), FusionSettings())
    toe, knee = (body25.keypoints.index(name) for name in ("left_big_toe", "left_knee"))
    np.testing.assert_array_equal(fused.xy[0, toe], xy[0, toe])
    own = 3 * 0.9 / (3 * 0.9 + 0.7)
    np.testing.assert_allclose(fused.xy[0, knee], xy[0, knee] + own, rtol=1e-6)
    neck = body25.keypoints.index("neck")
    shoulders = [body25.keypoints.index(f"{side}_shoulder") for side in ("left", "right")]
    middle = xy[0, shoulders].mean(axis=0) + 1
    np.testing.assert_allclose(fused.xy[0, neck], middle, rtol=1e-5)
    # The score rests on what the crop network knows alone.
    assert 0.8 < fused.person_score[0] <= 0.9


def test_two_crops_that_found_the_same_person_give_one() -> None:
    first = poses(BODY, BODY + 3, person((420, 200), 140))
    seen = poses(BODY, BODY + 1, person((420, 200), 140))
    fused = look(first, seen)
    assert len(fused) == 2
    assert {round(float(np.nanmean(one[:, 0]))) // 100 for one in fused.xy} == {2, 4}


def test_people_come_best_first_and_nobody_stays_nobody() -> None:
    first = poses(BODY, person((500, 200), 150))
    seen = poses(BODY + 8, person((500, 200), 150))
    fused = look(first, seen)
    assert fused.person_score[0] > fused.person_score[1]
    assert np.nanmean(fused.xy[0, :, 0]) > 400
    assert len(look(Poses.nobody(SKELETON), Poses.nobody(SKELETON))) == 0


def test_who_was_not_looked_at_stays_as_the_first_network_says() -> None:
    first = poses(BODY, score=0.6)
    nowhere = poses(BODY * np.nan)
    fused = look(first, nowhere, looked=False)
    np.testing.assert_array_equal(fused.xy, first.xy)
    np.testing.assert_allclose(fused.person_score, 0.3 / 1.3 * SIZE, rtol=1e-5)


def test_fragment_of_somebody_is_them() -> None:
    """A fragment within somebody has a smaller area; it is the same person all the same."""
    small: Floats = BODY.copy()
    small[9:] = np.nan
    assert same_as_better(poses(BODY, small), 0.7).tolist() == [-1, 0]


def test_it_is_told_whom_the_crop_network_has_confirmed() -> None:
    """A tracker believes the two kinds of confidence differently."""
    other = person((600, 200), 150)
    first = poses(BODY, other, person((1000, 200), 150), score=0.6)
    seen = poses(BODY + 2, other + 300, person((1000, 200), 150), score=0.9)
    fused = fuse(first, seen, ALL, np.array([True, True, False]), FusionSettings())
    assert fused.refined is not None
    told = dict(zip(np.nanmean(fused.xy[..., 0], axis=1) // 400, fused.refined, strict=True))
    assert told == {0: True, 1: False, 2: False}  # confirmed, somebody else, not looked at


def test_who_stands_beside_the_person_in_the_crop_is_not_lost() -> None:
    """Two whom the first network tells apart; the crop network sees the front one in both crops."""
    beside = BODY + np.array([26, 0])
    first = poses(BODY, beside, score=0.6)
    fused = look(first, poses(BODY, BODY + 1, score=0.9))
    assert len(fused) == 2
    np.testing.assert_allclose(fused.xy[1], first.xy[1])
    np.testing.assert_allclose(fused.person_score[1], 0.5 * 0.6 / 1.3 * SIZE[0], rtol=1e-5)


@pytest.mark.parametrize("wrong", [{"guard": -0.1}, {"least": 2.0}, {"own": float("nan")}])
def test_constants_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(CardError):
        FusionSettings(**wrong)
