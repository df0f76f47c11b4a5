"""Skeletons: what every one of them keeps to, and how they translate into each other."""

from __future__ import annotations

import itertools
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
# How many keypoints of body, feet, left hand, right hand and face each layout has, by its paper.
LAYOUTS = {
    "coco17": (17, 0, 0, 0, 0),
    "coco18": (18, 0, 0, 0, 0),
    "coco21": (17, 4, 0, 0, 0),
    "mpi15": (15, 0, 0, 0, 0),
    "body19": (19, 0, 0, 0, 0),
    "body25": (25, 6, 0, 0, 0),  # its feet decide too
    "halpe26": (20, 6, 0, 0, 0),
    "blaze33": (17, 4, 3, 3, 6),
    "coco133": (17, 6, 21, 21, 68),
    "body135": (19, 6, 20, 20, 70),
    "hand21": (21, 0, 0, 0, 0),
    "face70": (70, 0, 0, 0, 70),  # without a body all of it is the core
    "car12": (12, 0, 0, 0, 0),
    "car22": (22, 0, 0, 0, 0),
}
# What public documentation says stands where: COCO-WholeBody's figure, OpenPose's and Halpe's
# tables, MediaPipe's list of landmarks.
PLACES = {
    "coco133": {
        17: "left_big_toe",
        20: "right_big_toe",
        22: "right_heel",
        23: "right_jaw_1",
        31: "chin",
        39: "left_jaw_1",
        53: "nose_bridge_4",
        59: "right_eye_outer",
        68: "left_eye_outer",
        71: "right_mouth",
        77: "left_mouth",
        91: "left_hand_wrist",
        95: "left_thumb_4",
        112: "right_hand_wrist",
        132: "right_pinky_4",
    },
    "body135": {
        17: "upper_neck",
        18: "head_top",
        19: "left_big_toe",
        25: "left_thumb_1",
        44: "left_pinky_4",
        45: "right_thumb_1",
        64: "right_pinky_4",
        65: "right_jaw_1",
        133: "right_pupil",
        134: "left_pupil",
    },
    "halpe26": {17: "head_top", 18: "neck", 19: "mid_hip", 20: "left_big_toe", 25: "right_heel"},
    "blaze33": {
        0: "nose",
        2: "left_eye",
        5: "right_eye",
        7: "left_ear",
        9: "left_mouth",
        11: "left_shoulder",
        16: "right_wrist",
        23: "left_hip",
        28: "right_ankle",
        29: "left_heel",
        32: "right_foot_index",
    },
    "body19": {0: "nose", 4: "right_wrist", 8: "mid_hip", 14: "left_ankle", 18: "left_ear"},
    "mpi15": {0: "head_top", 1: "upper_neck", 2: "right_shoulder", 7: "left_wrist", 14: "chest"},
    "hand21": {0: "wrist", 4: "thumb_4", 5: "index_1", 20: "pinky_4"},
    "face70": {8: "chin", 30: "nose_bridge_4", 36: "right_eye_outer", 45: "left_eye_outer"},
    "car12": {0: "right_front_wheel", 3: "left_back_wheel", 8: "right_front_top"},
    "car22": {0: "left_front_wheel", 8: "grille", 14: "left_back_top", 21: "right_back_corner"},
}


@pytest.fixture(params=NAMES)
def skeleton(request: pytest.FixtureRequest) -> Skeleton:
    return named_skeleton(request.param)


def test_both_coco_layouts_are_here() -> None:
    assert {"coco17", "coco18"} <= set(NAMES)


def test_each_keypoint_has_what_it_needs(skeleton: Skeleton) -> None:
    count = len(skeleton.keypoints)
    assert len(set(skeleton.keypoints)) == count
    assert len(skeleton.sigmas) == len(skeleton.colours) == count
    assert all(0 < sigma < 0.4 for sigma in skeleton.sigmas)
    if skeleton.face != skeleton.body:  # OpenPose draws a face in white
        # A neck has the colour of the hips between which it lies, feet those of their ankles.
        own = set(skeleton.body) - set(skeleton.feet)
        assert len({skeleton.colours[n] for n in own}) >= 0.75 * len(own)


def test_all_layouts_are_here_with_their_groups(skeleton: Skeleton) -> None:
    assert tuple(len(group) for group in skeleton.groups.values()) == LAYOUTS[skeleton.name]
    assert LAYOUTS.keys() == set(NAMES)
    grouped = sorted({n for group in skeleton.groups.values() for n in group})
    assert grouped == list(range(len(skeleton.keypoints)))


@pytest.mark.parametrize(
    ("name", "place"), [(name, place) for name, places in PLACES.items() for place in places]
)
def test_keypoints_stand_where_their_papers_say(name: str, place: int) -> None:
    assert named_skeleton(name).keypoints[place] == PLACES[name][place]


def test_feet_of_body25_decide_with_the_body() -> None:
    skeleton = named_skeleton("body25")
    assert skeleton.body == tuple(range(25))
    assert set(skeleton.feet) < set(skeleton.body)
    with pytest.raises(CardError, match="deciding must be a list of groups"):
        parse_skeleton("own", {**GOOD, "deciding": ["toes"]})


@pytest.mark.parametrize("value", [0, -1, True, "6", float("nan")])
def test_a_longest_limb_is_metres(value: object) -> None:
    assert parse_skeleton("own", {**GOOD, "longest_limb": 6}).longest_limb == 6
    with pytest.raises(CardError, match="longest_limb must be a number of metres above 0"):
        parse_skeleton("own", {**GOOD, "longest_limb": value})


def test_limbs_join_two_keypoints_each_and_reach_all(skeleton: Skeleton) -> None:
    assert all(a != b for a, b in skeleton.limbs)
    assert len({frozenset(limb) for limb in skeleton.limbs}) == len(skeleton.limbs)
    ends = {skeleton.keypoints[end] for limb in skeleton.drawn for end in limb}
    assert set(skeleton.keypoints) - ends <= {"left_pupil", "right_pupil"}
    if skeleton.name in ("face70", "blaze33"):  # strokes that do not meet
        return
    reached = {0}
    for _ in skeleton.limbs:
        reached |= {end for limb in skeleton.drawn if reached & set(limb) for end in limb}
    assert reached >= set(skeleton.body)


def test_fingers_are_chains_from_the_wrist() -> None:
    for name, prefixes in (("hand21", [""]), ("coco133", ["left_", "right_"])):
        skeleton = named_skeleton(name)
        limbs = {(skeleton.keypoints[a], skeleton.keypoints[b]) for a, b in skeleton.limbs}
        for prefix in prefixes:
            for finger in ("thumb", "index", "middle", "ring", "pinky"):
                root = f"{prefix}hand_wrist" if prefix else "wrist"
                chain = [root, *(f"{prefix}{finger}_{n}" for n in range(1, 5))]
                assert set(itertools.pairwise(chain)) <= limbs


def test_whole_bodies_have_the_faces_of_face70_in_its_order() -> None:
    """iBUG's 68, and in OpenPose's layouts the pupils."""
    face = named_skeleton("face70").keypoints
    for name, count in (("coco133", 68), ("body135", 70)):
        skeleton = named_skeleton(name)
        assert tuple(skeleton.keypoints[n] for n in skeleton.face) == face[:count]


def test_coco133_sigmas_are_those_of_its_evaluation() -> None:
    sigmas = named_skeleton("coco133").sigmas
    assert sigmas[:17] == named_skeleton("coco17").sigmas
    assert sigmas[17:23] == (0.068, 0.066, 0.066, 0.092, 0.094, 0.094)
    assert sigmas[23:27] == (0.042, 0.043, 0.044, 0.043)
    assert sigmas[91:96] == (0.029, 0.022, 0.035, 0.037, 0.047)
    assert sigmas[91:112] == sigmas[112:]


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
    if skeleton.name == "coco133":  # whose evaluation does not give left and right the same
        return
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
    with pytest.raises(CardError, match="no skeleton 'hand'; known are blaze33, body135, body19"):
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


def test_what_is_in_no_group_is_the_body() -> None:
    assert parse_skeleton("own", GOOD).body == (0, 1)
    grouped = parse_skeleton("own", {**GOOD, "groups": {"feet": ["a"]}})
    assert grouped.body == (1,)
    assert grouped.feet == (0,)
    assert parse_skeleton("own", {**GOOD, "groups": {"face": ["b", "a"]}}).body == (0, 1)


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
        ({"groups": {"feet": ["c"]}}, "groups.feet must be a list of names"),
        ({"groups": {"feet": "a"}}, "groups.feet must be a list of names"),
        ({"groups": {"tail": ["a"]}}, "'tail' is not known"),
        ({"groups": {"feet": ["a"], "face": ["a"]}}, "twice"),
        (
            {"keypoints": [point(n) for n in ["a", "b", *map(str, range(134))]]},
            "more than 135 keypoints",
        ),
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
