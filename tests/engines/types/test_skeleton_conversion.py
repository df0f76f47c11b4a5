"""People of one skeleton in the keypoints of another."""

from __future__ import annotations

import numpy as np
import pytest

from engines.types.errors import CardError
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from engines.types.skeleton_conversion import check_conversion, converted

COCO17, COCO18, BODY25 = map(named_skeleton, ("coco17", "coco18", "body25"))
# OpenPose's own tables: COCO-17 keypoint -> its index in the other layout.
TO_17 = {
    "coco18": [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10],
    "body25": [0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11],
}


def poses(name: str, people: int = 3) -> Poses:
    """Everybody's keypoints somewhere, all found."""
    skeleton = named_skeleton(name)
    rng = np.random.default_rng(5)
    shape = people, len(skeleton.keypoints)
    xy = rng.uniform(0, 500, (*shape, 2)).astype(np.float32)
    score = rng.uniform(0.1, 1, shape).astype(np.float32)
    return Poses(skeleton, xy, score, np.arange(people, dtype=np.float32))


@pytest.mark.parametrize("name", TO_17)
def test_coco17_takes_its_own_keypoints(name: str) -> None:
    before = poses(name)
    after = converted(before, COCO17)
    assert after.skeleton is COCO17
    np.testing.assert_array_equal(after.xy, before.xy[:, TO_17[name]])
    np.testing.assert_array_equal(after.score, before.score[:, TO_17[name]])
    np.testing.assert_array_equal(after.person_score, before.person_score)


def test_the_neck_and_the_middle_of_the_hips_lie_between() -> None:
    before = poses("coco17")
    after = converted(before, BODY25)
    np.testing.assert_allclose(after.xy[:, 1], (before.xy[:, 5] + before.xy[:, 6]) / 2)
    np.testing.assert_allclose(after.xy[:, 8], (before.xy[:, 11] + before.xy[:, 12]) / 2)
    np.testing.assert_array_equal(after.score[:, 8], before.score[:, 11:13].min(1))
    assert not after.found[:, 19:].any()
    assert not after.score[:, 19:].any()
    assert after.found[:, :19].all()


def test_a_neck_that_was_found_is_kept() -> None:
    before = poses("coco18")
    np.testing.assert_array_equal(converted(before, BODY25).xy[:, 1], before.xy[:, 1])


def test_half_a_pair_has_no_middle() -> None:
    before = poses("coco17")
    before.xy[1, 11] = np.nan
    before.score[1, 11] = 0
    after = converted(before, BODY25)
    assert after.found[:, 8].tolist() == [True, False, True]
    assert after.score[1, 8] == 0


def test_there_and_back_loses_nothing_that_both_have() -> None:
    before = poses("coco17")
    for skeleton in (COCO18, BODY25):
        back = converted(converted(before, skeleton), COCO17)
        np.testing.assert_array_equal(back.xy, before.xy)
        np.testing.assert_array_equal(back.score, before.score)


def test_nobody_stays_nobody() -> None:
    assert converted(poses("coco18", people=0), BODY25).xy.shape == (0, 25, 2)


# For whole bodies: the target's keypoints that stay empty, by their public layouts.
EMPTY = {
    ("coco133", "coco17"): [],
    ("coco133", "body25"): [],
    ("coco133", "halpe26"): [17],  # the top of the head
    ("coco133", "body135"): [17, 18],  # upper neck and top of the head
    ("coco133", "face70"): [],
    ("body135", "coco133"): [],
    ("body135", "body25"): [],
    ("halpe26", "body25"): [],
    ("halpe26", "coco17"): [],
    ("blaze33", "coco17"): [],
    ("blaze33", "coco18"): [],
    ("blaze33", "body25"): [20, 23],  # small toes
    ("coco133", "blaze33"): [],
    ("coco17", "mpi15"): [0, 1],
    ("mpi15", "coco17"): [0, 1, 2, 3, 4],
}


@pytest.mark.parametrize(("source", "target"), EMPTY)
def test_whole_bodies_lose_only_what_the_other_layout_lacks(source: str, target: str) -> None:
    after = converted(poses(source), named_skeleton(target))
    for row in after.found:
        assert np.flatnonzero(~row).tolist() == EMPTY[source, target]


def test_whole_bodies_convert_by_their_public_places() -> None:
    """Indices of COCO-WholeBody, of OpenPose's BODY_25 and BODY_135, and of BlazePose."""
    before = poses("coco133")
    feet = converted(before, BODY25).xy[:, 19:]
    np.testing.assert_array_equal(feet, before.xy[:, 17:23])
    whole = converted(before, named_skeleton("body135"))
    np.testing.assert_array_equal(whole.xy[:, 19:25], before.xy[:, 17:23])
    np.testing.assert_array_equal(whole.xy[:, 25:45], before.xy[:, 92:112])
    np.testing.assert_array_equal(whole.xy[:, 45:65], before.xy[:, 113:133])
    np.testing.assert_array_equal(whole.xy[:, 65:133], before.xy[:, 23:91])
    right_eye = before.xy[:, 59:65].mean(1)  # 36 to 41 of iBUG's
    np.testing.assert_allclose(whole.xy[:, 133], right_eye, rtol=1e-6)
    landmarks = poses("blaze33")
    places = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
    np.testing.assert_array_equal(converted(landmarks, COCO17).xy, landmarks.xy[:, places])
    halpe = poses("halpe26")
    places = [20, 22, 24, 21, 23, 25]
    np.testing.assert_array_equal(converted(halpe, BODY25).xy[:, 19:], halpe.xy[:, places])


def test_what_has_nothing_in_common_is_one_sentence() -> None:
    check_conversion(named_skeleton("coco133"), named_skeleton("face70"))
    for source, target in (("coco18", "hand21"), ("hand21", "coco17"), ("body25", "car12")):
        with pytest.raises(CardError, match=f"{source} cannot be written as {target}"):
            check_conversion(named_skeleton(source), named_skeleton(target))
