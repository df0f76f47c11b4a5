"""PCK, PCKh, PDJ and PCP of people whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from posestream.scoring.labels.mpii import KEYPOINTS
from posestream.scoring.measures.keypoint_shares import keypoint_shares
from posestream.scoring.measures.scenes import (
    Found,
    FoundPicture,
    LabelledPicture,
    Labels,
    usual_sigmas,
)

INDEX = {name: n for n, name in enumerate(KEYPOINTS)}
# A person of 200 px whose limbs and trunk have lengths that are easy to reckon with.
PLACES = {
    "head_top": (100, 0),
    "upper_neck": (100, 40),
    "right_shoulder": (80, 50),
    "right_elbow": (80, 90),
    "right_wrist": (80, 130),
    "left_shoulder": (120, 50),
    "left_elbow": (120, 90),
    "left_wrist": (120, 130),
    "right_hip": (90, 120),
    "right_knee": (90, 160),
    "right_ankle": (90, 200),
    "left_hip": (110, 120),
    "left_knee": (110, 160),
    "left_ankle": (110, 200),
}
HEAD = 40.0


def person() -> np.ndarray:
    xy = np.full((len(KEYPOINTS), 2), np.nan)
    for name, place in PLACES.items():
        xy[INDEX[name]] = place
    return xy


def labels(*people: np.ndarray, crowd: bool = False) -> Labels:
    xy, count = np.array(people), len(people)
    low, high = np.nanmin(xy, axis=1), np.nanmax(xy, axis=1)
    picture = LabelledPicture(
        1,
        "1",
        xy,
        np.concatenate([low, high - low], axis=1),
        (high - low).prod(axis=1),
        np.full(count, crowd),
        np.full(count, HEAD),
        np.full(count, -1),
    )
    return Labels("MPII", KEYPOINTS, usual_sigmas(KEYPOINTS), [picture])


def found(*people: np.ndarray) -> Found:
    xy = np.array(people).reshape(-1, len(KEYPOINTS), 2)
    count = len(xy)
    return Found(
        "x", {0: FoundPicture(xy, np.ones(count), np.full(count, -1), np.zeros((count, 4)))}
    )


def moved(name: str, pixels: float) -> np.ndarray:
    xy = person()
    xy[INDEX[name], 0] += pixels
    return xy


@pytest.mark.parametrize(
    ("measure", "limit"),
    [("PCK", 0.2 * 200), ("PCKh", 0.5 * HEAD), ("PDJ", 0.2 * np.hypot(30, 70))],
)
def test_a_keypoint_is_right_up_to_the_limit(measure: str, limit: float) -> None:
    for off, right in ((limit - 0.01, 1.0), (limit + 0.01, 0.0)):
        shares = keypoint_shares(labels(person()), found(moved("left_wrist", off)))[measure]
        assert shares["left_wrist"] == right
        assert shares["mean"] == pytest.approx((13 + right) / 14)


def test_a_limb_is_right_where_both_ends_are_within_half_its_length() -> None:
    close = keypoint_shares(labels(person()), found(moved("left_wrist", 19.9)))["PCP"]
    assert set(close.values()) == {1.0}
    far = keypoint_shares(labels(person()), found(moved("left_elbow", 20.1)))["PCP"]
    assert (far["left forearm"], far["left upper arm"], far["right forearm"]) == (0, 0, 1)
    assert far["mean"] == pytest.approx(7 / 9)


def test_what_was_not_found_is_wrong_and_what_was_not_labelled_does_not_count() -> None:
    truth, seen = person(), person()
    truth[INDEX["left_knee"]] = np.nan
    seen[INDEX["right_ankle"]] = np.nan
    shares = keypoint_shares(labels(truth), found(seen))
    assert "left_knee" not in shares["PCKh"]
    assert shares["PCKh"]["right_ankle"] == 0
    assert shares["PCP"]["right shank"] == 0
    assert "left shank" not in shares["PCP"]
    assert shares["PCKh"]["mean"] == pytest.approx(12 / 13)


def test_each_takes_their_own_and_nobody_serves_two() -> None:
    """Two people side by side, found in the other order, and beside them one who is not there."""
    one, other = person(), person() + np.array([30, 0])
    shares = keypoint_shares(labels(one, other), found(person() + np.array([400, 0]), other, one))
    assert shares["PCKh"]["mean"] == 1
    alone = keypoint_shares(labels(one, other), found(one))
    assert alone["PCKh"]["mean"] == 0.5
    assert keypoint_shares(labels(one), Found("x", {}))["PCK"]["mean"] == 0
    assert keypoint_shares(labels(one, crowd=True), found(one)) == {}
