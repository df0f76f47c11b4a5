"""Skeletons: what every one of them keeps to, and how they translate into each other."""

from __future__ import annotations

from typing import Any

import pytest

from engines.types.errors import CardError
from engines.types.skeleton import FOLDER, Skeleton, named_skeleton, parse_skeleton

# OpenPose's own table: COCO-17 keypoint -> its index in COCO-18.
OPENPOSE_18_TO_17 = (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)
# The limbs of its COCO model, as documented for human-pose-estimation-0001.
OPENPOSE_LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12)),
    *((12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (2, 16), (5, 17)),
)
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))


@pytest.fixture(params=NAMES)
def skeleton(request: pytest.FixtureRequest) -> Skeleton:
    return named_skeleton(request.param)


def test_both_coco_layouts_are_here() -> None:
    assert {"coco17", "coco18"} <= set(NAMES)


def test_each_keypoint_has_what_it_needs(skeleton: Skeleton) -> None:
    count = len(skeleton.keypoints)
    assert len(set(skeleton.keypoints)) == count
    assert len(skeleton.sigmas) == len(skeleton.colours) == count
    assert all(0 < sigma < 0.2 for sigma in skeleton.sigmas)
    assert len(set(skeleton.colours)) >= 17  # OpenPose gives a whole foot one colour


def test_limbs_join_two_keypoints_each_and_reach_all(skeleton: Skeleton) -> None:
    assert all(a != b for a, b in skeleton.limbs)
    assert len({frozenset(limb) for limb in skeleton.limbs}) == len(skeleton.limbs)
    reached = {0}
    for _ in skeleton.limbs:
        reached |= {end for limb in skeleton.drawn if reached & set(limb) for end in limb}
    assert reached == set(range(len(skeleton.keypoints)))


def test_mirroring_twice_changes_nothing_and_swaps_the_sides(skeleton: Skeleton) -> None:
    mirror = skeleton.mirror
    assert [mirror[mirror[n]] for n in range(len(mirror))] == list(range(len(mirror)))
    for n, name in enumerate(skeleton.keypoints):
        other = skeleton.keypoints[mirror[n]]
        if name.startswith("left_"):
            assert other == name.replace("left_", "right_")
        elif not name.startswith("right_"):
            assert other == name


def test_a_mirrored_skeleton_has_the_same_limbs(skeleton: Skeleton) -> None:
    limbs = {frozenset(limb) for limb in skeleton.limbs}
    assert {frozenset(skeleton.mirror[end] for end in limb) for limb in limbs} == limbs


def test_pairs_have_equal_sigmas(skeleton: Skeleton) -> None:
    assert [skeleton.sigmas[n] for n in skeleton.mirror] == list(skeleton.sigmas)


def test_coco18_translates_as_openpose_does() -> None:
    assert named_skeleton("coco18").order_in(named_skeleton("coco17")) == OPENPOSE_18_TO_17


def test_coco18_limbs_are_openposes() -> None:
    coco18 = named_skeleton("coco18")
    assert coco18.limbs == OPENPOSE_LIMBS
    assert coco18.redundant == {17, 18}
    assert coco18.drawn == OPENPOSE_LIMBS[:17]


def test_coco17_sigmas_are_the_coco_evaluations() -> None:
    evaluation = pytest.importorskip("pycocotools.cocoeval").Params("keypoints")
    assert named_skeleton("coco17").sigmas == pytest.approx(tuple(evaluation.kpt_oks_sigmas))


def test_a_skeleton_that_lacks_a_keypoint_says_which() -> None:
    with pytest.raises(CardError, match="coco17 has no neck, which coco18 needs"):
        named_skeleton("coco17").order_in(named_skeleton("coco18"))


def test_an_unknown_skeleton_names_the_known() -> None:
    with pytest.raises(CardError, match="no skeleton 'hand'; known are body25, coco17, coco18"):
        named_skeleton("hand")


def point(name: str, **other: Any) -> dict[str, Any]:
    return {"name": name, "sigma": 0.1, "colour": [1, 2, 3], **other}


def test_a_skeleton_of_ones_own() -> None:
    car = parse_skeleton(
        "car",
        {
            "keypoints": [point("left_light"), point("roof", colour=[255, 128, 0]), point("door")],
            "limbs": [["roof", "left_light"], ["roof", "door"]],
            "redundant": [["door", "left_light"]],
        },
    )
    assert car.keypoints == ("left_light", "roof", "door")
    assert car.limbs == ((1, 0), (1, 2), (2, 0))
    assert car.drawn == ((1, 0), (1, 2))
    assert car.colours[1] == (0, 128, 255)  # BGR
    assert car.mirror == (0, 1, 2)  # a left side without a right one stays where it is


GOOD = {"keypoints": [point("a"), point("b")], "limbs": [["a", "b"]]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"keypoints": [point("a"), point("a")]}, "twice"),
        ({"keypoints": []}, "keypoints"),
        ({"keypoints": "ab"}, "keypoints"),
        ({"keypoints": [point("a"), {"name": "b"}]}, "lacks 'sigma'"),
        ({"keypoints": [point("a"), point("b", sigma="wide")]}, "sigma"),
        ({"keypoints": [point("a"), point("b", sigma=0)]}, "sigma above 0"),
        ({"keypoints": [point("a"), point("b", colour=[1, 2])]}, "three numbers"),
        ({"keypoints": [point("a"), point("b", colour=[1, 2, 256])]}, "0 to 255"),
        ({"keypoints": [point("a"), point("b", size=1)]}, "'size' is not known"),
        ({"limbs": []}, "at least one limb"),
        ({"limbs": [["a", "c"]]}, "['a', 'c']"),
        ({"limbs": [["a", "a"]]}, "['a', 'a']"),
        ({"limbs": [["a", "b", "a"]]}, "no pair"),
        ({"limbs": ["ab"]}, "no pair"),
        ({"limbs": 1}, "limbs must be a list"),
        ({"redundant": [["a", 1]]}, "redundant"),
        ({"redundent": []}, "'redundent' is not known"),
    ],
)
def test_a_broken_skeleton_says_what_is_wrong(change: dict[str, Any], said: str) -> None:
    with pytest.raises(CardError) as caught:
        parse_skeleton("mine", {**GOOD, **change})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
