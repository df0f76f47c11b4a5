"""Hands that are not found any more, of people who are."""

import numpy as np

from engines.types.skeleton_groups import with_groups
from realtime.tracking.tracker import PoseTracker, TrackerSettings
from tests.realtime.tracked import found, frame, texture, walk
from tests.synth import SKELETON

WHOLE = with_groups(SKELETON, ("left_hand",))
HAND = np.array([(300 + 3.0 * (n % 5), 200 + 4.0 * (n // 5)) for n in range(21)])


def test_a_hand_is_carried_for_a_moment_alone() -> None:
    """By optical flow, and marked; a joint of the body is carried for longer."""
    picture, tracker = texture(), PoseTracker(WHOLE)
    body = walk(300, 0, 0)
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


def test_a_hand_without_a_turn_moves_as_its_picture_does() -> None:
    """A body that is followed by crops stands still, while its hand goes 6 pixels a frame."""
    background, patch = texture(), texture((90, 90), seed=1)
    tracker, body = PoseTracker(WHOLE, TrackerSettings(turns=True)), walk(150, 0, 0)
    hand = HAND + np.array([60.0, 20.0])

    def shown(n: int) -> np.ndarray:
        image = background.copy()
        image[180:270, 330 + 6 * n : 420 + 6 * n] = patch
        return image

    for n in range(6):
        now, looked = frame(n / 30, shown(n), n), n % 3 == 0
        at = hand + np.array([6.0 * n, 0.0])
        points = np.concatenate([body, at if looked else HAND * np.nan])
        people = found([points], skeleton=WHOLE)
        if n == 0:
            tracks = tracker.update(now, people)
        else:
            assert len(tracker.expect(now)) == 1
            yes = np.ones(1, bool)
            tracks = tracker.follow(now, people, yes, yes)
        np.testing.assert_allclose(tracks.poses.xy[0, 18:], at, atol=1.0)
        assert (tracks.filled[0, 18:] == (not looked)).all()
