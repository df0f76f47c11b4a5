"""Which hands, faces and feet are believed to be whose."""

import numpy as np

from engines.parts.faces import Heads
from engines.parts.feet import feet_of, has_shank
from engines.parts.hands import Arms
from engines.parts.part_crops import Found
from engines.types.arrays import Floats
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from tests.engines.parts.hands import COCO, body, flat_hand, moved

ARMS = body(
    left_shoulder=(300, 100),
    left_elbow=(300, 200),
    left_wrist=(300, 300),
    right_shoulder=(200, 100),
    right_elbow=(200, 200),
    right_wrist=(200, 300),
)
HAND = -flat_hand() * 40  # hangs down


def seen(*hands: Floats, right: tuple[float, ...], presence: float = 0.9) -> Found:
    count = len(hands)
    return Found(
        np.stack(hands).astype(np.float32),
        np.full(count, presence, np.float32),
        np.array(right, np.float32),
    )


def test_hand_belongs_to_the_arm_whose_wrist_it_has() -> None:
    arms = Arms.of(ARMS)
    both = seen(moved(HAND, 302, 303), moved(HAND, 199, 301), right=(0.1, 0.9))
    assert arms.accepted(both).tolist() == [True, True]
    # 0.35 forearms away somebody else's hand begins.
    off = seen(moved(HAND, 302, 303), moved(HAND, 240, 301), right=(0.1, 0.9))
    assert arms.accepted(off).tolist() == [True, False]
    nobody = seen(moved(HAND, 302, 303), moved(HAND, 199, 301), right=(0.1, 0.9), presence=0)
    assert not arms.accepted(nobody).any()


def test_a_hand_as_large_as_its_arm_is_none() -> None:
    found = seen(moved(HAND * 2.4, 300, 300), moved(HAND, 200, 300), right=(0.1, 0.9))
    assert Arms.of(ARMS).accepted(found).tolist() == [False, True]


def test_one_hand_in_two_crops_is_that_of_its_own_side() -> None:
    """Wrists close together, and both crops show the right hand: the left one is not made up."""
    near = body(left_elbow=(300, 200), left_wrist=(215, 300), right_elbow=(200, 200),
                right_wrist=(200, 300))  # fmt: skip
    arms = Arms.of(near)
    right_hand = seen(moved(HAND, 208, 300), moved(HAND, 207, 301), right=(0.9, 0.9))
    assert arms.accepted(right_hand).tolist() == [False, True]
    left_hand = seen(moved(HAND, 208, 300), moved(HAND, 207, 301), right=(0.1, 0.1))
    assert arms.accepted(left_hand).tolist() == [True, False]


def test_crossed_hands_stay_with_their_arms() -> None:
    crossed = body(left_elbow=(300, 200), left_wrist=(220, 300), right_elbow=(200, 200),
                   right_wrist=(280, 300))  # fmt: skip
    hands = seen(moved(HAND, 222, 302), moved(HAND, 278, 301), right=(0.1, 0.9))
    assert Arms.of(crossed).accepted(hands).tolist() == [True, True]


def test_a_hand_that_lies_on_somebody_else_is_of_its_own_arm_alone() -> None:
    """The first person's right hand on the second one's left wrist: both crops show it."""
    one = body(right_elbow=(150, 260), right_wrist=(250, 300))
    other = body(left_elbow=(256, 200), left_wrist=(256, 300))
    both = Poses(COCO, np.concatenate([one.xy, other.xy]), np.concatenate([one.score, other.score]),
                 np.ones(2, np.float32))  # fmt: skip
    hand = moved(HAND, 251, 300)
    hands = seen(hand, hand, hand, hand, right=(0.9, 0.9, 0.9, 0.9))
    assert Arms.of(both).accepted(hands).tolist() == [False, False, True, False]


def test_crop_follows_a_hand_until_the_arm_leaves_it() -> None:
    arms = Arms.of(ARMS)
    known = np.stack([moved(HAND, 310, 310), moved(HAND, 270, 300)]).astype(np.float32)
    wanted = arms.wanted(known, arms.wrist, np.ones(2, bool), (224, 224))
    assert wanted.first[1].tolist() == [True, True]
    assert np.isnan(wanted.known[:, 0, 0]).tolist() == [False, True]
    assert not wanted.waits.any()
    # Its wrist has gone further than expected, and so has the hand.
    strayed = arms.wanted(known, arms.wrist - (4, 2), np.ones(2, bool), (224, 224))
    np.testing.assert_allclose(strayed.known[0], known[0] + (4, 2))
    known[1] = np.nan
    nowhere = np.full((2, 2), np.nan, np.float32)
    alone = arms.wanted(known, nowhere, np.ones(2, bool), (224, 224))
    assert alone.waits.tolist() == [False, True]
    np.testing.assert_allclose(alone.known[0], known[0])
    assert not arms.wanted(known, arms.wrist, np.zeros(2, bool), (224, 224)).waits.any()


def test_no_hands_without_wrist_or_elbow() -> None:
    lone = Arms.of(body(left_wrist=(300, 300), right_elbow=(200, 200)))
    nothing = np.full((2, 21, 2), np.nan, np.float32)
    assert not lone.wanted(nothing, lone.wrist, np.zeros(2, bool), (224, 224)).first[1].any()
    found = seen(moved(HAND, 300, 300), moved(HAND, 200, 300), right=(0.1, 0.9))
    assert not lone.accepted(found).any()


def face(right: tuple[float, float], left: tuple[float, float]) -> Floats:
    out = np.zeros((70, 2), np.float32)
    out[36:42], out[42:48] = right, left
    return out


def test_face_belongs_to_the_eyes_that_it_lies_upon() -> None:
    heads = Heads.of(body(right_eye=(100, 50), left_eye=(120, 50)))
    for right, left, own in (
        ((101, 51), (122, 50), True),
        ((115, 50), (135, 50), False),  # three quarters of an eye distance aside
        ((85, 50), (135, 50), False),  # more than twice as large
        ((107, 50), (113, 50), False),  # less than half as large
    ):
        found = Found(face(right, left)[None], np.ones(1, np.float32), np.full(1, np.nan))
        assert heads.accepted(found).tolist() == [own], (right, left)


BLAZE = named_skeleton("blaze33")


def blaze(score: float, **joints: tuple[float, float]) -> Poses:
    xy = np.full((1, 33, 2), np.nan, np.float32)
    for name, at in joints.items():
        xy[0, BLAZE.keypoints.index(name)] = at
    return Poses(BLAZE, xy, np.full((1, 33), score, np.float32), np.ones(1, np.float32))


def test_feet_are_shifted_to_our_ankle_and_taken_only_where_ankles_agree() -> None:
    legs = body(
        left_knee=(300, 300), left_ankle=(300, 400), right_knee=(200, 300), right_ankle=(200, 400)
    )
    theirs = {
        "left_ankle": (304.0, 403.0),
        "left_heel": (300.0, 415.0),
        "left_foot_index": (330.0, 418.0),
        "right_ankle": (170.0, 400.0),
        "right_heel": (168.0, 415.0),
        "right_foot_index": (199.0, 418.0),
    }
    names, xy, score = feet_of(legs, blaze(0.8, **theirs))
    at = dict(zip(names, xy[0], strict=True))
    np.testing.assert_allclose(at["left_heel"], (296, 412))
    np.testing.assert_allclose(at["left_big_toe"], (326, 415))
    assert np.isnan(at["right_heel"]).all()  # 0.3 shanks off
    assert np.isnan(at["right_big_toe"]).all()
    assert dict(zip(names, score[0], strict=True))["left_heel"] == np.float32(0.8)
    assert (feet_of(legs, blaze(0.4, **theirs))[2] == 0).all()


def test_feet_of_legs_that_are_taken_for_each_other_are_those_of_ours() -> None:
    """Somebody seen from behind; one leg alone tells nothing."""
    ours = {
        "left_knee": (300, 300),
        "left_ankle": (300, 400),
        "right_knee": (200, 300),
        "right_ankle": (200, 400),
    }
    theirs = {
        "right_knee": (302.0, 301.0),
        "right_ankle": (300.0, 402.0),
        "right_heel": (296.0, 415.0),
        "right_foot_index": (330.0, 418.0),
        "left_knee": (199.0, 300.0),
        "left_ankle": (200.0, 400.0),
        "left_heel": (196.0, 415.0),
        "left_foot_index": (229.0, 418.0),
    }
    names, xy, _ = feet_of(body(**ours), blaze(0.8, **theirs))
    at = dict(zip(names, xy[0], strict=True))
    np.testing.assert_allclose(at["left_heel"], (296, 413))
    np.testing.assert_allclose(at["right_big_toe"], (229, 418))
    del ours["right_knee"], ours["right_ankle"]
    assert np.isnan(feet_of(body(**ours), blaze(0.8, **theirs))[1]).all()


def test_nobody_without_a_knee_and_its_ankle_is_looked_at_for_feet() -> None:
    assert has_shank(body(left_knee=(300, 300), left_ankle=(300, 400))).tolist() == [True]
    assert has_shank(body(left_knee=(300, 300), right_ankle=(200, 400))).tolist() == [False]
