"""Hands and faces that are not found any more, of people who are."""

import numpy as np
import pytest

from engines.types.skeleton_groups import Group, with_groups
from realtime.tracking.tracker import PoseTracker, TrackerSettings
from tests.realtime.tracked import found, frame, texture, walk
from tests.synth import SKELETON

WHOLE = with_groups(SKELETON, ("left_hand",))
HAND = np.array([(300 + 3.0 * (n % 5), 200 + 4.0 * (n // 5)) for n in range(21)])


def with_arm(body: np.ndarray, wrist: np.ndarray) -> np.ndarray:
    """The body with its left hand there, its forearm 45 pixels long."""
    out = body.copy()
    for name, off in (("shoulder", (30, -80)), ("elbow", (20, -40)), ("wrist", (0, 0))):
        out[WHOLE.keypoints.index(f"left_{name}")] = wrist + off
    return out


def test_a_hand_is_carried_for_a_moment_alone() -> None:
    """By optical flow, and marked; a joint of the body is carried for longer."""
    picture, tracker = texture(), PoseTracker(WHOLE)
    body = with_arm(walk(300, 0, 0), HAND[0])
    without = body.copy()
    without[4] = np.nan
    hands, joints = [], []
    for n in range(20):
        seen = n < 8
        points = np.concatenate([body if seen else without, HAND if seen else HAND * np.nan])
        tracks = tracker.update(frame(n / 30, picture, n), found([points], skeleton=WHOLE))
        there = tracks.poses.found[0]
        assert there[:4].all()
        assert (tracks.filled[0, 18:] == (there[18:] & (not seen))).all()
        hands.append(bool(there[18:].all()))
        joints.append(bool(there[4]))
        if not there[18:].all():
            assert not there[18:].any()
    assert hands == [True] * 11 + [False] * 9  # 0.1 s are three frames
    assert sum(joints) > 13


@pytest.mark.parametrize("reach", [0, 60])
def test_no_hand_stays_where_its_arm_has_left_it(reach: int) -> None:
    """It is carried on where the arm stays, and not where that is seen elsewhere."""
    picture, tracker, wrist = texture(), PoseTracker(WHOLE), WHOLE.keypoints.index("left_wrist")
    body = with_arm(walk(300, 0, 0), HAND[0])
    for n in range(4):
        tracks = tracker.update(
            frame(n / 30, picture, n), found([np.concatenate([body, HAND])], skeleton=WHOLE)
        )
    body[wrist] += (reach, 0)
    lost = np.concatenate([body, HAND * np.nan])
    tracks = tracker.update(frame(4 / 30, picture, 4), found([lost], skeleton=WHOLE))
    assert tracks.poses.found[0, wrist]
    assert (tracks.poses.found[0, 18:] == (not reach)).all()


@pytest.mark.parametrize("group", ["left_hand", "face"])
def test_a_part_without_a_turn_moves_as_its_picture_does(group: Group) -> None:
    """A body that is followed by crops stands still, while its hand, or a face, of which flow asks
    about a third of the keypoints alone, goes 6 pixels a frame.
    """
    whole = with_groups(SKELETON, (group,))
    background, patch = texture(), texture((90, 90), seed=1)
    tracker, body = PoseTracker(whole, TrackerSettings(turns=True)), walk(150, 0, 0)
    count = len(whole.keypoints) - 18
    part = np.array([(360 + 3.0 * (n % 10), 215 + 3.0 * (n // 10)) for n in range(count)])

    def shown(n: int) -> np.ndarray:
        image = background.copy()
        image[180:270, 330 + 6 * n : 420 + 6 * n] = patch
        return image

    for n in range(6):
        now, looked = frame(n / 30, shown(n), n), n % 3 == 0
        at = part + np.array([6.0 * n, 0.0])
        points = np.concatenate([with_arm(body, at[0]), at if looked else part * np.nan])
        people = found([points], skeleton=whole)
        if n == 0:
            tracks = tracker.update(now, people)
        else:
            assert len(tracker.expect(now)) == 1
            yes = np.ones(1, bool)
            tracks = tracker.follow(now, people, yes, yes)
        np.testing.assert_allclose(tracks.poses.xy[0, 18:], at, atol=1.0)
        assert (tracks.filled[0, 18:] == (not looked)).all()
