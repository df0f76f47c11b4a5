"""Keypoints looked at once more: a toy network is as exact as its crop is small."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from engines.crops.affine import Crops
from engines.crops.keypoint_cascade import KeypointCascade, diameters
from engines.crops.rule import CropRule
from engines.decoders.crop_decoder import CropDecoder
from engines.decoders.crop_heatmaps import CropHeatmaps, HeatmapDecoder
from engines.decoders.regression import Regression, RegressionDecoder
from engines.second_look.body_crops import BodyCrops
from engines.types.arrays import Arrays, Floats, Image
from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton

COCO = named_skeleton("coco17")
SIZE, CELLS = (64, 64), 16
IMAGE = np.zeros((600, 800, 3), np.uint8)


class Knows:
    """Knows where the keypoints are, to a cell of its crop: for a regression, or on maps."""

    def __init__(self, truth: Floats, head: str) -> None:
        self.truth, self.head, self.crops = truth, head, 0
        self.extents: list[float] = []

    def run(self, images: Sequence[Image], crops: Sequence[Crops]) -> Arrays:
        (some,) = crops
        self.crops += len(some)
        self.extents += some.extent[:, 1].tolist()
        shape = (len(some), *self.truth.shape)
        cells = np.floor((some.to_crop(np.broadcast_to(self.truth, shape)) + 0.5) / SIZE * CELLS)
        inside = ((cells >= 0) & (cells < CELLS)).all(axis=-1)
        if self.head == "regression":
            points = np.concatenate([(cells + 0.5) / CELLS, inside[..., None]], axis=-1)
            return {"points": points[:, None].astype(np.float32)}
        maps = np.zeros((*inside.shape, CELLS, CELLS), np.float32)
        n, k = np.nonzero(inside)
        maps[n, k, cells[n, k, 1].astype(int), cells[n, k, 0].astype(int)] = 1
        return {"heatmaps": maps}

    def close(self) -> None:
        self.crops = -1


def decoder_of(head: str) -> CropDecoder:
    if head == "regression":
        return RegressionDecoder(COCO, SIZE, Regression(order="xy"))
    stride = SIZE[0] / CELLS
    return HeatmapDecoder(COCO, SIZE, CropHeatmaps("none", stride, (stride - 1) / 2))


def body() -> Floats:
    """(17, 2) a person 260 pixels tall, whose diameter is 117."""
    x = [0, 8, -8, 16, -16, 40, -40, 44, -44, 60, -60, 30, -30, 20, -20, 20, -20]
    y = [-90, -96, -96, -90, -90, -60, -60, -20, -20, 15, 15, 34, 34, 75, 75, 125, 125]
    return np.array([x, y], np.float32).T + np.array([300.3, 280.7], np.float32)


@pytest.mark.parametrize("head", ["regression", "heatmap"])
def test_every_stage_is_as_exact_as_its_crops_are_small(head: str) -> None:
    """DeepPose's cascade and Tompson's fine maps: 0.25 of a diameter in 16 cells is 1.9 pixels."""
    truth, rng = body(), np.random.default_rng(0)
    rough = (truth + rng.uniform(-12, 12, truth.shape)).astype(np.float32)
    network = Knows(truth, head)
    cascade = KeypointCascade([(network, decoder_of(head))], side=0.25)
    found = cascade.refine(IMAGE, rough[None])[0]
    assert network.crops == 17
    cell = max(network.extents) / CELLS
    assert 1.5 < cell < 2.5
    assert np.abs(found - truth).max() <= cell / 2 + 0.01
    assert np.abs(rough - truth).max() > 4 * cell


def test_what_is_not_seen_stays_and_what_is_unknown_is_left_out() -> None:
    truth = body()
    rough = truth.copy()
    rough[9] += 200  # far from where it is: nothing is in its crop
    rough[10] = np.nan
    network = Knows(truth, "regression")
    found = KeypointCascade([(network, decoder_of("regression"))]).refine(IMAGE, rough[None])[0]
    np.testing.assert_allclose(found[9], rough[9])
    assert np.isnan(found[10]).all()
    assert network.crops == 16
    assert KeypointCascade([]).refine(IMAGE, rough[None]) is not None


def test_the_diameter_is_that_of_the_trunk() -> None:
    both = np.stack([body(), body()])
    both[1, 5:7] = np.nan  # no shoulder
    np.testing.assert_allclose(diameters(both, COCO)[0], np.hypot(70, 94), rtol=1e-5)
    assert 80 < diameters(both, COCO)[1] < 200


def test_a_second_look_ends_with_its_cascade() -> None:
    """At the person, in a crop of 325 pixels, then at each keypoint, in crops of 29."""
    truth = body()
    first, fine = Knows(truth, "heatmap"), Knows(truth, "heatmap")
    decoder = decoder_of("heatmap")
    cascade = KeypointCascade([(fine, decoder)], side=0.25)
    look = BodyCrops(first, decoder, CropRule(), COCO, cascade=cascade)  # type: ignore[arg-type]
    ones = np.ones((1, 17), np.float32)
    (seen,) = look.look([IMAGE], [Poses(COCO, truth[None] + 5, ones, ones[:, 0])])
    assert np.abs(seen.poses.xy[0] - truth).max() < 1.1
    look.close()
    assert first.crops == fine.crops == -1
