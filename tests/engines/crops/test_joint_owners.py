"""Whose keypoints those are that crops of several people show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import pytest

from engines.crops.affine import Crops
from engines.crops.joint_owners import owned
from engines.crops.proposals import boxes_of_people
from engines.crops.rule import CropRule
from engines.decoders.crop_heatmaps import CropHeatmaps, HeatmapDecoder
from engines.second_look.body_crops import BodyCrops, Crowd
from engines.types.arrays import Arrays, Floats, Image
from engines.types.evidence import JointCandidates
from engines.types.oks import iou
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton

COCO = named_skeleton("coco17")
K, SIZE, STRIDE = 17, (96, 128), 4
MIN_APART_PX = 40  # of two peaks that the maps of a crop can tell apart: 2.5 of their widths
AREA = np.array([9000.0, 9000.0], np.float32)


def candidates(*rows: tuple[int, int, float, float, float]) -> JointCandidates:
    """Of crop, keypoint, x, y and response."""
    crop, kind, x, y, response = np.array(rows, np.float32).reshape(-1, 5).T
    whole = crop.astype(np.intp), kind.astype(np.intp)
    return JointCandidates(*whole, np.stack([x, y], axis=-1), response)


def test_who_is_hidden_gets_their_own_keypoint() -> None:
    """Crop 0 shows somebody else's knee more clearly than its own person's."""
    seen = candidates((0, 13, 50, 90, 0.5), (0, 13, 80, 90, 0.7), (1, 13, 81, 91, 0.9))
    xy, score = owned(seen, AREA, COCO.sigmas)
    np.testing.assert_array_equal(xy[:, 13], [[50, 90], [81, 91]])
    np.testing.assert_allclose(score[:, 13], [0.5, 0.9])
    assert np.isnan(np.delete(xy, 13, axis=1)).all()


def test_a_keypoint_that_two_crops_share_is_of_one_person() -> None:
    """Where nothing is left for the other, they have none."""
    seen = candidates((0, 9, 40, 40, 0.6), (1, 9, 41, 40, 0.7))
    xy, score = owned(seen, AREA, COCO.sigmas)
    assert np.isnan(xy[0]).all()
    np.testing.assert_array_equal(xy[1, 9], [41, 40])
    np.testing.assert_allclose(score[:, 9], [0, 0.7])
    # What lies apart is two keypoints.
    xy, _ = owned(candidates((0, 9, 40, 40, 0.6), (1, 9, 70, 40, 0.7)), AREA, COCO.sigmas)
    np.testing.assert_array_equal(xy[:, 9], [[40, 40], [70, 40]])


def test_nobody_has_nothing() -> None:
    xy, score = owned(candidates(), AREA, COCO.sigmas)
    assert np.isnan(xy).all()
    assert not score.any()
    assert owned(candidates(), AREA[:0], COCO.sigmas)[0].shape == (0, K, 2)


def test_no_other_owners_have_a_higher_sum() -> None:
    """Against all ways to give four people one of four joints each."""
    rng = np.random.default_rng(0)
    area = np.full(4, 9000, np.float32)
    for _ in range(20):
        response = rng.uniform(0.1, 1, (4, 4)).astype(np.float32)
        rows = [(p, 0, 100.0 * j, 0.0, response[p, j]) for p in range(4) for j in range(4)]
        _, score = owned(candidates(*rows), area, COCO.sigmas)
        best = max(response[range(4), list(order)].sum() for order in permutations(range(4)))
        assert score[:, 0].sum() == pytest.approx(best)


class Shown:
    """A crop network that responds to every keypoint of known people within a crop.

    visible: (P, K). It responds most to the person in the middle of the crop, whom it is asked
    about, less to others, and less to what is hidden, with some noise.
    """

    OTHERS, NOISE = 0.8, 0.05

    def __init__(self, people: Floats, visible: Floats, seed: int) -> None:
        self.people, self.visible = people, visible
        self.rng = np.random.default_rng(seed)

    def run(self, images: Sequence[Image], crops: Sequence[Crops]) -> Arrays:
        (one,) = crops
        wide, high = SIZE[0] // STRIDE, SIZE[1] // STRIDE
        y, x = np.mgrid[:high, :wide]
        maps = np.zeros((len(one), K, high, wide), np.float32)
        for crop in range(len(one)):
            for person, (xy, seen) in enumerate(zip(self.people, self.visible, strict=True)):
                at = one.some(np.array([crop])).to_crop(xy[None])[0] / STRIDE
                own = seen * (1 if person == crop else self.OTHERS)
                own = own + self.rng.normal(0, self.NOISE, K)
                for kind, (a, b) in enumerate(at):
                    bump = own[kind] * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 1.5**2))
                    np.maximum(maps[crop, kind], bump, out=maps[crop, kind])
        return {"heatmaps": maps}

    def close(self) -> None:
        pass


def couple(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """(2, K, 2) people whose boxes overlap by half to four fifths, and (2, K) how well each is
    seen: of the one behind, what lies in the other's box is hidden.
    """
    x = [0, 8, -8, 16, -16, 28, -28, 44, -44, 60, -60, 18, -18, 20, -20, 20, -20]
    y = [-90, -96, -96, -90, -90, -60, -60, -20, -20, 15, 15, 25, 25, 75, 75, 125, 125]
    shape = np.array([x, y], np.float32).T
    while True:
        people = shape * rng.uniform(0.9, 1.1, (2, 1, 2)) + rng.normal(0, 5, (2, K, 2))
        people += np.array([300, 300]) + rng.normal(0, 25, (2, 1, 2))
        boxes = boxes_of_people(people.astype(np.float32))
        if 0.5 <= iou(boxes[:1], boxes[1:])[0, 0] <= 0.8:
            break
    low, high = people[0].min(axis=0), people[0].max(axis=0)
    hidden = ((people[1] > low) & (people[1] < high)).all(axis=1)
    return people.astype(np.float32), np.stack([np.ones(K), np.where(hidden, 0.6, 1)])


def right_owner(crowd: Crowd) -> float:
    """The share of keypoints that are their own person's, of those that lie apart."""
    rng, right, count = np.random.default_rng(1), 0, 0
    for seed in range(40):
        people, visible = couple(rng)
        decoder = HeatmapDecoder(COCO, SIZE, CropHeatmaps(stride=STRIDE))
        shown = Shown(people, visible, seed)
        look = BodyCrops(shown, decoder, CropRule(), COCO, crowd=crowd)  # type: ignore[arg-type]
        ones = np.ones(people.shape[:2], np.float32)
        rough = Poses(COCO, people + rng.normal(0, 3, people.shape), ones, ones[:, 0])
        (found,) = look.look([np.zeros((600, 600, 3), np.uint8)], [rough])
        apart = np.linalg.norm(people[0] - people[1], axis=1) > MIN_APART_PX
        off = np.linalg.norm(found.poses.xy - people, axis=-1)
        right += int((off < 8)[:, apart].sum())
        count += 2 * int(apart.sum())
    return right / count


def test_of_two_who_overlap_each_owns_their_keypoints() -> None:
    assert right_owner("graph") >= 0.99
    assert right_owner("crops") <= 0.85
