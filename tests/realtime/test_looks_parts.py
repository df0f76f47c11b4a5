"""Hands that follow their people through looks, crops and trackers."""

from collections.abc import Sequence

import numpy as np
import pytest

from engines.types.arrays import Image
from engines.types.poses import Poses
from engines.types.skeleton_groups import with_groups
from realtime.looks import Looks
from realtime.settings.tracking import TrackSettings
from realtime.tracking.camera_tracker import CameraTracker
from realtime.types.frames import Frame
from realtime.types.results import View
from tests.realtime.test_looks import Truth, poses
from tests.scenes import apart
from tests.synth import SKELETON

WHOLE = with_groups(SKELETON, ("left_hand",))
OWN = len(SKELETON.keypoints)
FINGERS = np.array([(n % 5 - 2.0, 2.0 + n // 5) for n in range(21)])
LEFT_WRIST = SKELETON.keypoints.index("left_wrist")


class Fingers:
    """A left hand below every left wrist that is found; keeps what was expected of it."""

    skeleton = WHOLE

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.expected: list[Poses] = []
        self.closed = False
        self.seconds = {"hands": 0.25}

    def look(
        self, images: Sequence[Image], people: Sequence[Poses], expected: Sequence[Poses]
    ) -> list[Poses]:
        self.asked.append((len(images), sum(map(len, people))))
        self.expected = list(expected)
        out = []
        for one in people:
            assert one.skeleton is SKELETON
            hand = one.xy[:, LEFT_WRIST, None] + FINGERS
            xy = np.concatenate([one.xy, hand], axis=1).astype(np.float32)
            score = np.where(np.isnan(xy[..., 0]), 0, 0.9).astype(np.float32)
            out.append(Poses(WHOLE, xy, score, one.person_score))
        return out

    def close(self) -> None:
        self.closed = True


def check(view: View | None) -> None:
    assert view is not None
    tracked = view.tracks.poses
    assert tracked.skeleton is WHOLE
    np.testing.assert_allclose(
        tracked.xy[:, OWN:], tracked.xy[:, LEFT_WRIST, None] + FINGERS, atol=1e-3
    )


@pytest.mark.parametrize("refined", [False, True])
def test_all_cameras_hands_are_looked_at_together_and_expected_next(refined: bool) -> None:
    truth, parts = Truth(), Fingers()
    trackers = [CameraTracker(WHOLE, TrackSettings()) for _ in range(2)]
    looks = Looks(trackers, truth if refined else None, parts)  # type: ignore[arg-type]
    for index, step in enumerate(list(apart(3).steps())[:8]):
        frames, seen = [], []
        for camera in "ab":
            image = step.image.copy()
            truth.people[id(image)] = list(step.people.values())
            frames.append(Frame(camera, index, camera, step.time, step.time, image))
            seen.append((poses(truth.people[id(image)]), None))
        views = looks.meet(tuple(frames), seen)
        assert looks.part_seconds == {"hands": 0.25}
        assert parts.asked[-1] == (2, 6)
        for view in views:
            check(view)
        if index > 3:
            # What the trackers expect has hands, within a few pixels of where they are.
            for one, view in zip(parts.expected, views, strict=True):
                assert view is not None
                gaps = one.xy[:, None, OWN:] - view.tracks.poses.xy[None, :, OWN:]
                assert np.linalg.norm(gaps, axis=-1).mean(axis=-1).min(axis=1).max() < 8
    looks.close()
    assert parts.closed


def test_hands_of_people_who_are_followed_by_crops() -> None:
    """Also in frames that the first network does not see."""
    truth, parts = Truth(), Fingers()
    tracker = CameraTracker(WHOLE, TrackSettings())
    looks = Looks([tracker], truth, parts)  # type: ignore[arg-type]
    steps = list(apart(1).steps())[:25]
    kept = []
    for index, step in enumerate(steps):
        image = step.image.copy()
        kept.append(image)
        truth.people[id(image)] = list(step.people.values())
        frame = Frame("a", index, "a", step.time, step.time, image)
        [view] = looks.watch((frame,), truth.look)
        check(view)
        assert view is not None
        assert view.tracks.id.tolist() == [1]
    assert len(truth.looked) < len(steps) / 3
    assert len(steps) <= len(parts.asked) <= 1.3 * len(steps)  # some look again at once


def test_hands_without_ids_are_looked_for_afresh() -> None:
    parts = Fingers()
    looks = Looks([CameraTracker(WHOLE, TrackSettings(track=False))], None, parts)  # type: ignore[arg-type]
    step = next(iter(apart(2).steps()))
    people = poses(list(step.people.values()))
    for _ in range(2):
        frame = Frame("a", 0, "a", 0, 0, step.image.copy())
        [view] = looks.meet((frame,), [(people, None)])
        check(view)
        assert [len(one) for one in parts.expected] == [0]
