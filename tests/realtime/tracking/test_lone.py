"""Optical flow goes after somebody alone only where a crop network's look leaves a question."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engines.types.poses import Poses
from realtime.tracking.optical_flow import Flow
from realtime.tracking.tracker import PoseTracker, TrackerSettings
from realtime.types.results import Tracks
from tests.realtime.tracking.test_following import exact, frame_of
from tests.scenes import Scene, Walker, apart
from tests.synth import SKELETON

WALKER = Walker(lambda time: (400 + 150 * time, 600), height=200)
ALONE = Scene("alone", (WALKER,), seconds=1.2)
WRIST = SKELETON.keypoints.index("right_wrist")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every question to flow."""
    calls: list[int] = []
    follow = Flow.follow

    def counted(self: Flow, *given: Any, **more: Any) -> Any:
        calls.append(1)
        return follow(self, *given, **more)

    monkeypatch.setattr(Flow, "follow", counted)
    return calls


def refined(poses: Poses) -> Poses:
    sure = np.ones(len(poses), bool)
    return replace(poses, looked=sure, refined=sure)


def followed(scene: Scene, tracker: PoseTracker) -> Iterator[tuple[Poses, Tracks]]:
    for n, step in enumerate(scene.steps()):
        frame, true = frame_of(step.image, n, step.time), refined(exact(step.people))
        tracker.expect(frame, flow="several")
        yield true, tracker.update(frame, true)


def test_flow_is_seldom_asked_about_somebody_alone(asked: list[int]) -> None:
    frames = list(followed(ALONE, PoseTracker(SKELETON)))
    for true, tracks in frames:
        assert tracks.id.tolist() == [1]
        np.testing.assert_allclose(tracks.poses.xy, true.xy, atol=1e-3)
    assert 1 <= len(asked) <= len(frames) / 4  # it is asked now and then


def test_speed_is_known_without_flow() -> None:
    *_, (_, tracks) = followed(ALONE, PoseTracker(SKELETON))
    assert tracks.speed is not None
    assert tracks.speed[0] == pytest.approx(150, rel=0.1)


@pytest.mark.parametrize("why", ["unrefined", "camera"])
def test_flow_is_asked_where_it_is_needed(why: str, asked: list[int]) -> None:
    tracker, frames = PoseTracker(SKELETON, TrackerSettings(camera=why == "camera")), 0
    for n, step in enumerate(ALONE.steps()):
        poses = exact(step.people)
        tracks = tracker.update(
            frame_of(step.image, n, step.time), poses if why == "unrefined" else refined(poses)
        )
        assert n == 0 or tracks.camera is not None
        frames += 1
    assert len(asked) == frames


def test_who_joins_gets_an_id_and_nobody_loses_theirs(asked: list[int]) -> None:
    pair = apart(2)
    tracker, steps = PoseTracker(SKELETON), list(pair.steps())
    for n, step in enumerate(steps):
        people = dict(list(step.people.items())[: 1 if n < len(steps) // 2 else 2])
        if n == len(steps) // 2:
            asked.clear()
        frame = frame_of(step.image, n, step.time)
        tracker.expect(frame, flow="several")
        tracks = tracker.update(frame, refined(exact(people)))
    assert tracks.id.tolist() == [1, 2]
    assert len(asked) >= len(steps) // 2 - 1  # of two it is asked in every frame


def test_a_confident_keypoint_that_is_not_found_is_carried_as_of_several(asked: list[int]) -> None:
    trackers = PoseTracker(SKELETON), PoseTracker(SKELETON, TrackerSettings(camera=True))
    places, steps = [], list(ALONE.steps())
    for tracker in trackers:
        for n, step in enumerate(steps):
            poses = refined(exact(step.people))
            if n == len(steps) - 1:
                poses.xy[0, WRIST], poses.score[0, WRIST] = np.nan, 0
                asked.clear()
            tracks = tracker.update(frame_of(step.image, n, step.time), poses)
        assert len(asked) == 1
        assert tracks.filled[0, WRIST]
        places.append(tracks.poses.xy[0, WRIST])
    np.testing.assert_allclose(*places, atol=1e-3)


def test_a_jump_is_no_motion_of_theirs(asked: list[int]) -> None:
    tracker, steps = PoseTracker(SKELETON), list(ALONE.steps())
    for n, step in enumerate(steps):
        poses = refined(exact(step.people))
        if n == len(steps) - 1:
            poses.xy[0] += 300  # somebody else, elsewhere
            asked.clear()
        tracks = tracker.update(frame_of(step.image, n, step.time), poses)
    assert len(asked) == 1
    away = tracks.poses.xy[tracks.id == 1] - poses.xy[0]
    assert not away.size or np.nanmin(np.abs(away)) > 100
