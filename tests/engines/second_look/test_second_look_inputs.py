"""A second look at awkward input: other skeletons, two people in one crop, nobody, a crowd."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from engines.crops.affine import Crops
from engines.crops.fusion import FusionSettings
from engines.crops.rule import CropRule
from engines.decoders.regression import Regression, RegressionDecoder
from engines.second_look.body_crops import BodyCrops
from engines.second_look.second_look import SecondLook
from engines.types.arrays import Arrays, Floats, Image
from engines.types.expected import Expected
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton, named_skeleton, parse_skeleton
from engines.types.skeleton_conversion import converted
from tests.synth import SKELETON, person

SIZE = (96, 128)
PICTURE = np.zeros((480, 640, 3), np.uint8)
ONE = person((150, 240), 300)


class Knowing:
    """A crop network that knows where people are: of those in a crop it takes whoever's middle is
    nearest to the crop's, or always the same one. It is as sure as `score` of what is in the crop.
    """

    def __init__(self, truth: Poses, score: float = 0.9, favourite: int | None = None) -> None:
        self._truth, self._score, self._favourite = truth, score, favourite
        self.crops: list[int] = []

    def run(self, images: Sequence[Image], crops: Sequence[Crops]) -> Arrays:
        (boxes,) = crops
        self.crops.append(len(boxes))
        out = np.zeros((len(boxes), 1, len(self._truth.skeleton.keypoints), 3), np.float32)
        for n in range(len(boxes)):
            alone = boxes.some(np.array([n]))
            row = self._favourite
            if row is None:
                away = np.nanmean(self._truth.xy, axis=1) - alone.centre
                row = int(np.linalg.norm(away, axis=1).argmin())
            xy = alone.to_crop(self._truth.xy[row : row + 1])[0]
            share = (xy + 0.5) / SIZE
            inside = ((share > 0) & (share < 1)).all(axis=-1)
            out[n, 0, :, :2] = share[:, ::-1]
            out[n, 0, :, 2] = np.where(inside, self._score, 0.02)
        return {"points": np.nan_to_num(out)}

    def close(self) -> None:
        pass


def poses(*people: np.ndarray, score: float = 0.5, skeleton: Skeleton = SKELETON) -> Poses:
    if not people:
        return Poses.nobody(skeleton)
    xy = np.stack(people).astype(np.float32)
    scores = np.where(np.isnan(xy[..., 0]), np.float32(0), np.float32(score))
    return Poses(skeleton, xy, scores, scores.sum(axis=1).astype(np.float32))


def looking(network: Knowing, skeleton: Skeleton, first: Skeleton = SKELETON) -> SecondLook:
    decoder = RegressionDecoder(skeleton, SIZE, Regression())
    bodies = BodyCrops(network, decoder, CropRule(padding=1.4), first)
    return SecondLook(bodies, FusionSettings(weight=1000))


def by_place(found: Poses) -> Floats:
    """From left to right."""
    return found.xy[np.argsort(np.nanmean(found.xy[..., 0], axis=1))]


def few(*names: str) -> Skeleton:
    """A skeleton of some of COCO's keypoints, in this order."""
    colour = [1, 2, 3]
    keypoints = [{"name": name, "sigma": 0.05, "colour": colour} for name in names]
    limbs = [list(pair) for pair in pairwise(names)]
    return parse_skeleton("few", {"keypoints": keypoints, "limbs": limbs})


@pytest.mark.parametrize("name", ["coco17", "halpe26", "blaze33", "body25", "coco133"])
def test_keypoints_of_another_skeleton_are_matched_by_name(name: str) -> None:
    """And those that the crop network does not know stay where the first network saw them."""
    rng = np.random.default_rng(3)
    skeleton, first = named_skeleton(name), named_skeleton("body25")
    everything = list(first.keypoints)
    xy = rng.uniform(100, 300, (1, len(everything), 2)).astype(np.float32)
    # What is in the middle of others lies there.
    at = {one: n for n, one in enumerate(everything)}
    for middle, ends in (("neck", "shoulder"), ("mid_hip", "hip")):
        xy[0, at[middle]] = xy[0, [at[f"left_{ends}"], at[f"right_{ends}"]]].mean(axis=0)
    truth = Poses(first, xy, np.ones((1, len(everything)), np.float32), np.ones(1, np.float32))
    known = converted(truth, skeleton)
    has = ~np.isnan(converted(known, first).xy[0, :, 0])
    assert has.sum() >= 15
    rough = Poses(first, xy + 4, np.full_like(truth.score, 0.5), truth.person_score)
    found = looking(Knowing(known), skeleton, first).refine([PICTURE], [rough])[0]
    assert len(found) == 1
    assert found.skeleton is first
    np.testing.assert_allclose(found.xy[0, has], xy[0, has], atol=0.1)
    np.testing.assert_allclose(found.xy[0, ~has], rough.xy[0, ~has])
    np.testing.assert_allclose(found.score[0, ~has], 0.5)


def test_a_crop_network_of_a_few_keypoints_mends_those_alone() -> None:
    """In an order of its own; the person is believed by what it knows."""
    skeleton = few("left_wrist", "nose", "right_shoulder", "left_shoulder", "left_elbow")
    known = converted(poses(ONE), skeleton)
    rough = poses(ONE + 5)
    found = looking(Knowing(known), skeleton).refine([PICTURE], [rough])[0]
    mended = [SKELETON.keypoints.index(name) for name in skeleton.keypoints]
    mended.append(SKELETON.keypoints.index("neck"))  # in the middle of the shoulders
    others = [n for n in range(len(SKELETON.keypoints)) if n not in mended]
    np.testing.assert_allclose(found.xy[0, mended[:5]], ONE[mended[:5]], atol=0.1)
    np.testing.assert_array_equal(found.xy[0, others], rough.xy[0, others])
    assert 0.9 / 1.3 < found.person_score[0] <= 1


@pytest.mark.parametrize("favourite", [0, 1])
def test_two_people_in_one_crop_stay_two(favourite: int) -> None:
    """Who stands in front is whom the crop network sees in both crops: the other one stays as the
    first network saw them.
    """
    other = ONE + np.array([60, 8])
    truth = converted(poses(ONE, other), named_skeleton("coco17"))
    rough = poses(ONE + 4, other - 4)
    second = looking(Knowing(truth, favourite=favourite), truth.skeleton)
    (found,) = second.refine([PICTURE], [rough])
    assert len(found) == 2
    seen, kept = (0, 1) if favourite == 0 else (1, 0)
    left_to_right = by_place(found)
    real = (ONE, other)[seen]
    limbs = [n for n, name in enumerate(SKELETON.keypoints) if name != "neck"]
    np.testing.assert_allclose(left_to_right[seen][limbs], real[limbs], atol=0.5)
    np.testing.assert_array_equal(left_to_right[kept], rough.xy[kept])


def test_two_people_in_one_crop_are_each_their_own_where_the_network_takes_the_middle() -> None:
    other = ONE + np.array([90, 0])
    truth = converted(poses(ONE, other), named_skeleton("coco17"))
    found = looking(Knowing(truth), truth.skeleton).refine([PICTURE], [poses(ONE + 5, other - 5)])[
        0
    ]
    limbs = [n for n, name in enumerate(SKELETON.keypoints) if name != "neck"]
    np.testing.assert_allclose(
        by_place(found)[:, limbs], np.stack([ONE, other])[:, limbs], atol=0.5
    )


def test_fifty_people_are_one_batch_and_each_stays_themselves() -> None:
    crowd = [person((30 + 62 * (n % 10), 60 + 90 * (n // 10)), 80) for n in range(50)]
    truth = converted(poses(*crowd), named_skeleton("coco17"))
    network = Knowing(truth)
    (found,) = looking(network, truth.skeleton).refine([PICTURE], [poses(*(c + 2 for c in crowd))])
    assert network.crops == [50]
    assert len(found) == 50
    nose = SKELETON.keypoints.index("nose")
    order = np.lexsort(np.round(found.xy[:, nose].T))
    wanted = np.stack(crowd)[:, nose]
    np.testing.assert_allclose(
        found.xy[order][:, nose], wanted[np.lexsort(np.round(wanted.T))], atol=0.3
    )


def test_a_person_who_leaves_the_picture_keeps_what_is_in_it() -> None:
    """Half of them is beyond the edge, where there is nothing to see."""
    edge = ONE - np.array([150, 0])
    seen = np.where((edge[:, :1] >= 0), edge, np.nan)
    assert 4 <= np.isfinite(seen[:, 0]).sum() < len(seen)
    truth = converted(poses(seen), named_skeleton("coco17"))
    (found,) = looking(Knowing(truth), truth.skeleton).refine([PICTURE], [poses(seen + 3)])
    there = np.isfinite(seen[:, 0])
    neck = SKELETON.keypoints.index("neck")
    there[neck] = False
    np.testing.assert_allclose(found.xy[0, there], seen[there], atol=0.5)
    there[neck] = True
    assert np.isnan(found.xy[0, ~there]).all()


def test_nobody_in_any_picture_is_nobody() -> None:
    truth = converted(poses(ONE), named_skeleton("coco17"))
    network = Knowing(truth)
    found = looking(network, truth.skeleton).refine(
        [PICTURE] * 3, [poses()] * 3, [Expected.of(poses())] * 3
    )
    assert [len(one) for one in found] == [0, 0, 0]
    assert network.crops == []
