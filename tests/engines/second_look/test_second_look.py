"""A second look at people: a toy crop network that finds dots of known colours."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engines.crops.fusion import FusionSettings
from engines.crops.proposals import boxes_of_people
from engines.crops.rule import CropRule
from engines.decoders.regression import Regression, RegressionDecoder
from engines.runtimes.crop_network import CropsOnHost
from engines.second_look.body_crops import BodyCrops, CropLimits
from engines.second_look.second_look import BoxFinder, SecondLook
from engines.types.arrays import Arrays, Floats, Image
from engines.types.expected import Expected
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from engines.types.skeleton_conversion import converted
from tests.synth import SKELETON, person

COCO17 = named_skeleton("coco17")
SIZE = (96, 128)


class DotNetwork:
    """Finds keypoint n where a picture is all blue and as green as 10 (n + 1)."""

    depth = 1

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.closed = False
        self._flying: deque[Sequence[Image]] = deque()

    def submit(self, pictures: Sequence[Image]) -> None:
        self.batches.append(len(pictures))
        self._flying.append(pictures)

    def result(self) -> list[Arrays]:
        return [{"points": self._find(picture)} for picture in self._flying.popleft()]

    def close(self) -> None:
        self.closed = True

    def _find(self, picture: Image) -> Floats:
        out = np.zeros((1, 17, 3), np.float32)
        for n in range(17):
            at = (picture[..., 0] >= 254) & (abs(picture[..., 1] - 10.0 * (n + 1)) < 2)
            y, x = np.nonzero(at)
            if len(x):
                wide, high = SIZE
                out[0, n] = (y.mean() + 0.5) / high, (x.mean() + 0.5) / wide, 0.9
        return out


def drawn(people: Sequence[np.ndarray], size: tuple[int, int] = (640, 480)) -> Image:
    """(17, 2) poses as squares of nine pixels a side."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for one in people:
        for n, (x, y) in enumerate(np.rint(one).astype(int)):
            top, left = max(y - 4, 0), max(x - 4, 0)
            image[top : max(y + 5, 0), left : max(x + 5, 0)] = (255, 10 * (n + 1), 0)
    return image


def poses(*people: np.ndarray, score: float = 0.5) -> Poses:
    """In the first network's 18 keypoints."""
    if not people:
        return Poses.nobody(SKELETON)
    xy = np.stack(people).astype(np.float32)
    found = ~np.isnan(xy[..., 0])
    scores = np.where(found, np.float32(score), np.float32(0))
    return Poses(SKELETON, xy, scores, scores.sum(axis=1).astype(np.float32))


def in17(*people: np.ndarray) -> Floats:
    return converted(poses(*people), COCO17).xy


def limbs(people: Poses) -> Floats:
    """(P, 12, 2) from the left of the picture to the right, without faces, whose dots overlap."""
    xy = converted(people, COCO17).xy[:, 5:]
    return xy[np.argsort(xy[:, 0, 0])]


ALL = CropLimits()


def second_look(
    limits: CropLimits = ALL, detector: BoxFinder | None = None
) -> tuple[SecondLook, DotNetwork]:
    network = DotNetwork()
    decoder = RegressionDecoder(COCO17, SIZE, Regression())
    rule, fusion = CropRule(padding=1.4), FusionSettings(weight=1000)
    bodies = BodyCrops(CropsOnHost(network, rule.border), decoder, rule, SKELETON, limits)
    return SecondLook(bodies, fusion, detector=detector), network


ONE, TWO, THREE = (
    person((120, 240), 300),
    person((330, 240), 220),
    person((540, 240), 150),
)


def test_people_move_to_where_the_crop_network_sees_them() -> None:
    """Over two cameras in one batch, each in its own picture's pixels."""
    look, network = second_look()
    images = [drawn(in17(ONE, TWO)), drawn(in17(THREE))]
    rough = [poses(ONE + 6, TWO - 5), poses(THREE + 3)]
    first, second = look.refine(images, rough)
    assert network.batches == [3]
    np.testing.assert_allclose(limbs(first), limbs(poses(ONE, TWO)), atol=1.5)
    np.testing.assert_allclose(limbs(second), limbs(poses(THREE)), atol=1.5)
    assert second.skeleton is SKELETON
    assert 0.9 / 1.3 < second.person_score[0] <= 0.9


def test_nobody_costs_nothing() -> None:
    look, network = second_look()
    (found,) = look.refine([drawn([])], [poses()], [Expected.of(poses())])
    assert len(found) == 0
    assert network.batches == []
    look.close()
    assert network.closed


def test_who_is_missed_is_looked_for_where_the_tracker_expects_them() -> None:
    look, network = second_look()
    image = drawn(in17(ONE, THREE))
    expected = poses(ONE + 3, TWO, THREE - 4)  # TWO has left, ONE is found as well
    (found,) = look.refine([image], [poses(ONE + 5)], [Expected.of(expected)])
    assert network.batches == [3]
    assert len(found) == 2
    np.testing.assert_allclose(limbs(found), limbs(poses(ONE, THREE)), atol=1.5)


class Boxes:
    """A detector that gives these boxes in every picture."""

    def __init__(self, *people: np.ndarray, off: float = 0.0) -> None:
        self.boxes = boxes_of_people(in17(*people)) if people else np.zeros((0, 4), np.float32)
        side = self.boxes[:, 2:] - self.boxes[:, :2]
        self.boxes = self.boxes + np.tile(off * side, 2)

    def find(self, images: Sequence[Image]) -> list[Floats]:
        return [self.boxes for _ in images]

    def close(self) -> None:
        self.boxes = self.boxes[:0]


def test_people_in_boxes_that_are_nobodys_are_found() -> None:
    """TWO, whom nobody else knows; ONE was found and THREE is expected, so theirs cost nothing.

    The box is 10 % off, and cuts TWO; those around who was found in it do not.
    """
    look, network = second_look(detector=Boxes(ONE, TWO, THREE, off=0.1))
    image = drawn(in17(ONE, TWO, THREE))
    (found,) = look.refine([image], [poses(ONE + 5)], [Expected.of(poses(THREE - 4))])
    # Into the box, then around who is there, then at the two others.
    assert network.batches == [1, 1, 2]
    np.testing.assert_allclose(limbs(found), limbs(poses(ONE, TWO, THREE)), atol=1.5)


def test_whoever_is_in_a_box_that_is_far_off_counts_once() -> None:
    """30 % off the boxes of ONE and THREE seem nobody's; who is in them was known all along."""
    look, network = second_look(detector=Boxes(ONE, THREE, off=0.3))
    image = drawn(in17(ONE, THREE))
    (found,) = look.refine([image], [poses(ONE + 5)], [Expected.of(poses(THREE - 4))])
    assert network.batches == [2, 2, 2]
    np.testing.assert_allclose(limbs(found), limbs(poses(ONE, THREE)), atol=1.5)


def test_an_empty_box_is_nobody() -> None:
    look, network = second_look(detector=Boxes(ONE, TWO))
    (found,) = look.refine([drawn(in17(ONE))], [poses()])
    assert network.batches == [2, 1]  # into both, and around who is in one
    np.testing.assert_allclose(limbs(found), limbs(poses(ONE)), atol=1.5)
    assert look.refine([drawn([])], [poses()])[0].xy.shape == (0, 18, 2)


def test_largest_people_come_first_where_not_all_can_be_looked_at() -> None:
    look, network = second_look(CropLimits(people=1))
    images = [drawn(in17(TWO, THREE)), drawn(in17(ONE))]
    first, second = look.refine(images, [poses(TWO + 5, THREE + 5), poses(ONE + 5)])
    assert network.batches == [1]
    np.testing.assert_allclose(limbs(second), limbs(poses(ONE)), atol=1.5)
    np.testing.assert_allclose(limbs(first), limbs(poses(TWO + 5, THREE + 5)))
    assert (first.person_score < second.person_score.min()).all()


def test_budget_leaves_one_person_at_least() -> None:
    look, network = second_look(CropLimits(seconds=1e-9))
    image = drawn(in17(ONE, TWO, THREE))
    for _ in range(2):
        look.refine([image], [poses(ONE, TWO, THREE)])
    assert network.batches == [1, 1]  # before the first nobody knows what a crop takes


def test_budget_bounds_the_frame_of_a_crowd_and_all_have_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fifty people, a crop takes 6 ms, and a frame has 50: eight crops, the large more often."""
    look, network = second_look(CropLimits(seconds=0.05))
    monkeypatch.setattr(
        "engines.second_look.body_crops.time.perf_counter", lambda: 0.006 * sum(network.batches)
    )
    heights = np.linspace(60, 180, 50)
    crowd = poses(*(person((40 + 60 * n, 200), high) for n, high in enumerate(heights)))
    never = Expected.of(crowd)
    waited, turns = never.waited.copy(), np.zeros(50, int)
    for _ in range(60):
        now = replace(never, waited=waited)
        (followed,) = look.follow([drawn([], (3100, 400))], [now])
        waited = np.where(followed.at, 0, waited) + np.float32(0.04)
        turns += followed.at
    assert network.batches[0] == 1
    assert network.batches[1:] == [8] * 59
    assert turns.min() >= 4
    assert turns[-10:].sum() > 1.5 * turns[:10].sum()


def test_who_is_not_looked_at_stays_where_the_last_look_has_them() -> None:
    """The crop network's opinion of a moment ago, carried on, is better than the first network's;
    what was lost on the way is where the first network says.
    """
    look, network = second_look()
    lost = SKELETON.keypoints.index("left_wrist")
    seen = np.ones((1, 18), bool)
    seen[0, lost] = False
    expected = replace(Expected.of(poses(ONE + 2, score=0.9)), carried=seen)
    rough = poses(ONE - 4)
    (found,) = look.refine([drawn([])], [rough], [expected], most=0)
    assert network.batches == []
    here = SKELETON.keypoints.index("right_wrist")
    np.testing.assert_allclose(found.xy[0, here], ONE[here] + 2, atol=5e-3)
    np.testing.assert_allclose(found.xy[0, lost], ONE[lost] - 4, atol=5e-3)
    assert found.refined is not None
    assert found.refined.tolist() == [True]
    assert found.looked is not None
    assert found.looked.tolist() == [False]
    (far,) = look.refine([drawn([])], [poses(ONE + 60)], [expected], most=0)
    np.testing.assert_allclose(far.xy[0], ONE + 60, atol=1e-3)  # somebody else


def test_fifty_people_are_one_batch() -> None:
    look, network = second_look(CropLimits(people=20))
    crowd = [person((40 + 12 * n, 200), 100) for n in range(50)]
    (found,) = look.refine([drawn([])], [poses(*crowd)])
    assert network.batches == [20]
    assert len(found) > 0


def test_following_keeps_the_order_and_says_who_is_lost() -> None:
    look, _ = second_look()
    image = drawn(in17(ONE, THREE))
    (followed,) = look.follow([image], [Expected.of(poses(THREE + 4, TWO, ONE - 4))])
    assert followed.ok.tolist() == [True, False, True]
    seen = followed.poses
    order = converted(seen, COCO17).xy[[2, 0], 5:]
    np.testing.assert_allclose(order, limbs(poses(ONE, THREE)), atol=1.5)
    assert np.isnan(seen.xy[1]).all()


def test_two_expected_at_one_body_are_one() -> None:
    """Somebody who has left next to somebody who stays: the crop shows who stays, twice."""
    look, _ = second_look()
    expected = Expected.of(poses(ONE + 2, ONE + 14))
    (followed,) = look.follow([drawn(in17(ONE))], [expected])
    assert followed.at.all()
    assert followed.ok.tolist() == [True, False]


def test_of_two_expected_at_one_body_it_is_that_of_who_was_expected_nearer() -> None:
    """Whatever their order: who stands behind somebody does not take their place."""
    look, _ = second_look()
    for off, other in ((3, 30), (30, 3)):
        expected = Expected.of(poses(ONE + off, ONE + other))
        (followed,) = look.follow([drawn(in17(ONE))], [expected])
        assert followed.ok.tolist() == [off < other, other < off]


def test_a_crop_that_shows_somebody_else_than_flow_brought_is_not_believed() -> None:
    """Without flow the same body is that of who has moved fast."""
    look, _ = second_look()
    far = Expected.of(poses(TWO + 15))
    brought = replace(far, carried=far.poses.found)
    image = drawn(in17(TWO))
    assert [look.follow([image], [one])[0].ok.tolist() for one in (far, brought)] == [
        [True],
        [False],
    ]


def test_whom_flow_carries_badly_has_a_turn_sooner() -> None:
    look, _ = second_look()
    expected = Expected.of(poses(ONE, TWO, THREE))
    carried = expected.poses.found
    carried[2] = False
    # Three is half as tall as one, and has waited for a little longer.
    waited = np.array([0.04, 0.04, 0.06], np.float32)
    image = drawn(in17(ONE, TWO, THREE))
    turns = [
        look.follow([image], [replace(expected, waited=waited, carried=one)], 1)[0].at.tolist()
        for one in (expected.poses.found, carried)
    ]
    assert turns == [[True, False, False], [False, False, True]]


def test_picture_narrower_than_the_crop_and_people_at_its_border() -> None:
    thin = person((45, 240), 300)
    look, _ = second_look()
    image = drawn(in17(thin), size=(90, 480))
    (found,) = look.refine([image], [poses(thin + 4)])
    seen, true = limbs(found)[0], limbs(poses(thin))[0]
    inside = (true[:, 0] > 5) & (true[:, 0] < 84)
    assert inside.sum() >= 6
    np.testing.assert_allclose(seen[inside], true[inside], atol=1.5)
