"""RMPE's pose NMS against its own equations, reckoned by hand."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log, sqrt, tanh

import numpy as np
import pytest

from engines.types.poses import Poses
from engines.types.skeleton import named_skeleton
from realtime.settings.tracking import TrackSettings
from realtime.tracking.camera_tracker import CameraTracker
from realtime.tracking.nms.parametric_nms import ALPHAPOSE, eliminate_duplicates
from tests.realtime.tracked import frame

SKELETON = named_skeleton("coco17")
PAPER = replace(ALPHAPOSE, matches=0)  # the equations alone


def people(*xy: np.ndarray, score: tuple[float, ...] = (1.0, 1.0)) -> Poses:
    places = np.array(xy, np.float32)
    sure = np.broadcast_to(np.array(score[: len(xy)], np.float32)[:, None], places.shape[:2])
    sure = np.where(np.isnan(places[..., 0]), 0, sure).astype(np.float32)
    return Poses(SKELETON, places, sure, sure.mean(axis=1))


def body(size: float = 200) -> np.ndarray:
    """17 keypoints within a square."""
    return np.random.default_rng(4).uniform(0, size, (17, 2))


def beside(xy: np.ndarray, pixels: float) -> np.ndarray:
    """The same, so far to the right."""
    return xy + np.array([pixels, 0])


def limit(score: float) -> float:
    """Pixels along x up to which a copy with this score beside one of 1 exceeds eta:
    17 (tanh(1) tanh(c) + 1.7 exp(-d^2 / 2.65)) = 22.48.
    """
    near = (22.48 / 17 - tanh(1) * tanh(score)) / 1.7
    return sqrt(-2.65 * log(near))


@pytest.mark.parametrize("score", [1.0, 0.5, 0.2])
def test_the_limit_of_elimination_is_that_of_the_equations(score: float) -> None:
    one, far = body(), limit(score)
    for off, left in ((far - 0.01, 1), (far + 0.01, 2)):
        kept = eliminate_duplicates(people(one, beside(one, off), score=(1, score)), PAPER)
        assert len(kept) == left
        np.testing.assert_array_equal(kept.xy[0], one.astype(np.float32))


def test_the_better_pose_stays_as_it_is() -> None:
    one = body()
    lacking = one.copy()
    lacking[:3] = np.nan
    kept = eliminate_duplicates(people(one, lacking, score=(0.3, 1.0)))
    assert len(kept) == 1
    np.testing.assert_array_equal(np.isnan(kept.xy[0, :3]), True)  # nothing is filled up


def test_scores_count_within_the_box_alone() -> None:
    """A box of 1/10 of 40 px reaches 2 px: beyond it only distance counts, which is little."""
    one = body(40)
    scale = 40 / np.ptp(one, axis=0)
    one = one * scale
    alike = replace(PAPER, threshold=17 * tanh(1) ** 2 - 0.1)
    assert len(eliminate_duplicates(people(one, beside(one, 1.9)), alike)) == 1
    beyond = 17 * 1.7 * exp(-(2.1**2) / 2.65)
    assert beyond < alike.threshold
    assert len(eliminate_duplicates(people(one, beside(one, 2.1)), alike)) == 2


def test_five_keypoints_within_seven_pixels_are_one_person_for_alphapose() -> None:
    one = body()
    other = beside(one, 60)
    other[:5] = beside(one[:5], 6.9)
    assert len(eliminate_duplicates(people(one, other))) == 1
    assert len(eliminate_duplicates(people(one, other), PAPER)) == 2
    other[0] = one[0] + [7.1, 0]
    assert len(eliminate_duplicates(people(one, other))) == 2


def test_the_option_works_with_and_without_tracking() -> None:
    one = body() + 60
    twice = people(one, beside(one, 20), score=(0.9, 0.8))  # ours is by sizes, RMPE's by pixels
    for track in (True, False):
        left = {
            nms: len(
                CameraTracker(SKELETON, TrackSettings(track=track, pose_nms=nms)).update(  # type: ignore[arg-type]
                    frame(0), twice
                )
            )
            for nms in ("ours", "rmpe", "off", None)
        }
        assert left["rmpe"] == left["off"] == 2
        assert left[None] == (left["ours"] if track else 2)
    assert len(eliminate_duplicates(Poses.nobody(SKELETON))) == 0
    near = people(one, beside(one, 3), score=(0.9, 0.8))
    plain = CameraTracker(SKELETON, TrackSettings(track=False, pose_nms="rmpe"))
    assert len(plain.update(frame(0), near)) == 1
