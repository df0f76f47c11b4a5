"""Bodies with hands, faces and feet beside them."""

import numpy as np
import pytest

from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from engines.types.skeleton_conversion import converted
from engines.types.skeleton_groups import core_of, with_groups

ALL = ("left_hand", "right_hand", "face", "feet")


@pytest.mark.parametrize(("base", "count"), [("coco17", 135), ("coco18", 136), ("body25", 137)])
def test_groups_follow_the_body_which_stays_as_it_is(base: str, count: int) -> None:
    """Body keypoints first, and still what identities go by; feet that are there stay."""
    body = named_skeleton(base)
    whole = with_groups(body, ALL)
    own = len(body.keypoints)
    assert len(whole.keypoints) == len(set(whole.keypoints)) == count
    assert whole.keypoints[:own] == body.keypoints
    assert whole.body == body.body
    assert whole.base is body
    assert [len(whole.groups[name]) for name in ALL] == [21, 21, 70, 6]
    assert whole.drawn[: len(body.drawn)] == body.drawn
    assert len(whole.sigmas) == len(whole.colours) == count


def test_left_and_right_are_mirrored_in_all_groups() -> None:
    whole = with_groups(named_skeleton("coco18"), ALL)
    mirror = np.array(whole.mirror)
    assert (mirror[mirror] == np.arange(len(mirror))).all()
    assert sorted(mirror[list(whole.left_hand)]) == sorted(whole.right_hand)
    assert sorted(mirror[list(whole.face)]) == sorted(whole.face)


def test_sigmas_are_those_of_whole_bodies() -> None:
    """COCO-WholeBody's: hand21's and face70's are relative to hands and faces."""
    whole, reference = with_groups(named_skeleton("coco17"), ALL), named_skeleton("coco133")
    for name in ("left_index_2", "right_hand_wrist", "chin", "left_heel"):
        ours = whole.sigmas[whole.keypoints.index(name)]
        assert ours == pytest.approx(reference.sigmas[reference.keypoints.index(name)], rel=0.35)


def test_every_keypoint_of_the_public_layouts_is_known_by_its_name() -> None:
    """COCO's 17 with all groups has all of COCO-WholeBody; BODY_135's head is missing."""
    whole = with_groups(named_skeleton("coco17"), ALL)
    count = len(whole.keypoints)
    xy = np.arange(2 * count, dtype=np.float32).reshape(1, count, 2)
    poses = Poses(whole, xy, np.ones((1, count), np.float32), np.ones(1, np.float32))
    assert converted(poses, named_skeleton("coco133")).found.all()
    missing = ~converted(poses, named_skeleton("body135")).found[0]
    names = named_skeleton("body135").keypoints
    assert [names[n] for n in np.flatnonzero(missing)] == ["upper_neck", "head_top"]
    np.testing.assert_array_equal(core_of(poses).xy, xy[:, :17])


def test_limbs_of_a_group_join_what_they_join_in_its_own_skeleton() -> None:
    whole, hand = with_groups(named_skeleton("coco18"), ALL), named_skeleton("hand21")
    limbs = {tuple(sorted(limb)) for limb in whole.drawn}
    for one, other in hand.drawn:
        assert tuple(sorted((whole.right_hand[one], whole.right_hand[other]))) in limbs
    heel = whole.keypoints.index("left_heel"), whole.keypoints.index("left_ankle")
    assert tuple(sorted(heel)) in limbs
    assert with_groups(named_skeleton("coco18"), ALL) is whole
