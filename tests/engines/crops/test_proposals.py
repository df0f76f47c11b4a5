"""Boxes of people from elsewhere: where to look again in them."""

from __future__ import annotations

import numpy as np

from engines.crops.proposals import centred
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton

COCO = named_skeleton("coco17")


def test_a_box_moves_to_who_is_in_it_and_keeps_its_size() -> None:
    xy = np.full((2, 17, 2), np.nan, np.float32)
    xy[0, :4] = [[30, 40], [50, 40], [30, 100], [50, 100]]
    xy[0, 4] = [500, 500]  # nobody would swear to it
    xy[1, :3] = [[0, 0], [9, 9], [5, 5]]  # too little of somebody
    score = np.where(np.isnan(xy[..., 0]), 0, 0.9).astype(np.float32)
    score[0, 4] = 0.05
    people = Poses(COCO, xy, score, np.ones(2, np.float32))
    boxes = np.array([[0, 0, 60, 100], [0, 0, 20, 20]], np.float32)
    moved, told = centred(boxes, people)
    np.testing.assert_array_equal(told, [True, False])
    np.testing.assert_allclose(moved, [[10, 20, 70, 120], [0, 0, 20, 20]])
