"""People whom somebody else finds where the tracker expects them."""

from dataclasses import replace

import numpy as np
import pytest

from engines.types.poses import Poses
from realtime.tracking.tracker import PoseTracker
from realtime.types.frames import Frame
from tests.scenes import Scene, Walker, apart
from tests.synth import SKELETON


def frame_of(image: np.ndarray, index: int, moment: float) -> Frame:
    return Frame("test", index, f"test_{index:012d}", moment, moment, image.copy())


def exact(people: dict[int, np.ndarray]) -> Poses:
    xy = np.array(list(people.values()), np.float32).reshape(-1, 18, 2)
    score = np.where(np.isnan(xy[..., 0]), 0, 0.8).astype(np.float32)
    return Poses(SKELETON, xy, score, score.sum(axis=1))


def nearest(expected: Poses, true: Poses) -> Poses:
    """The true pose of each person who is expected."""
    away = np.linalg.norm(
        np.nanmean(expected.xy, axis=1)[:, None] - np.nanmean(true.xy, axis=1)[None], axis=-1
    )
    return true.some(away.argmin(axis=1))


def walk(scene: Scene, every: int, *, turns: bool = False) -> list[tuple[list[int], float]]:
    """Ids and the largest error of a keypoint, of each frame; looked at whole at every so many.

    turns: one person a frame is looked at in between, else all.
    """
    tracker, out = PoseTracker(SKELETON), []
    for n, step in enumerate(scene.steps()):
        frame, true = frame_of(step.image, n, step.time), exact(step.people)
        if n % every == 0:
            tracks = tracker.update(frame, true)
        else:
            expected = tracker.expect(frame, flow="always" if turns else "never")
            seen, looked = nearest(expected.poses, true), np.ones(len(expected), bool)
            if turns:
                looked[:] = np.arange(len(expected)) == expected.waited.argmax()
            tracks = tracker.follow(frame, seen, looked, looked)
        error = np.abs(tracks.poses.xy - nearest(tracks.poses, true).xy)
        out.append((tracks.id.tolist(), float(np.nanmax(error))))
    return out


def test_ids_and_places_are_those_of_whole_looks() -> None:
    scene = apart(3)
    frames = walk(scene, every=10)
    assert all(ids == [1, 2, 3] for ids, _ in frames)
    assert max(error for _, error in frames) < 1e-3


def test_who_is_not_looked_at_in_turn_is_carried_by_flow() -> None:
    frames = walk(apart(3), every=10, turns=True)
    assert all(ids == [1, 2, 3] for ids, _ in frames)
    assert np.median([error for _, error in frames]) < 20


def test_expected_places_move_on() -> None:
    walker = Walker(lambda time: (1000 + 150 * time, 600), height=200)
    scene = Scene("one", (walker,), seconds=1.2)
    tracker, steps = PoseTracker(SKELETON), list(scene.steps())
    for n, step in enumerate(steps[:-1]):
        tracker.update(frame_of(step.image, n, step.time), exact(step.people))
    last, before = steps[-1], steps[-2]
    expected = tracker.expect(frame_of(last.image, 99, last.time)).poses
    ahead = np.nanmean(expected.xy[0] - exact(before.people).xy[0], axis=0)
    np.testing.assert_allclose(ahead, [150 / 25, 0], atol=2)


def test_flow_expects_people_where_they_went_and_says_what_a_crop_network_saw() -> None:
    """Somebody turns round between two frames: their own motion leads the other way."""
    walker = Walker(lambda time: (300 + 150 * min(time, 1.0 - time), 180), height=190)
    scene = Scene("turns", (walker,), seconds=1)
    moved, flown = PoseTracker(SKELETON), PoseTracker(SKELETON)
    errors = []
    for n, step in enumerate(scene.steps()):
        frame, true = frame_of(step.image, n, step.time), exact(step.people)
        seen = replace(true, looked=np.ones(1, bool), refined=np.ones(1, bool))
        if n == 14:  # just after the turn
            for tracker, flow in ((moved, "never"), (flown, "always")):
                (one,) = tracker.expect(frame, flow=flow).poses.xy
                errors.append(float(np.nanmedian(np.abs(one - true.xy[0]))))
            assert not moved.expect(frame).carried.any()
            assert flown.expect(frame).carried.mean() > 0.5
            break
        moved.update(frame, true)
        flown.update(frame, seen)
    assert errors[1] < 1
    assert errors[1] < errors[0] / 3


def test_who_was_looked_at_begins_to_wait_anew_also_where_nobody_was_seen() -> None:
    tracker = PoseTracker(SKELETON)
    for n, step in enumerate(apart(3).steps()):
        frame, true = frame_of(step.image, n, step.time), exact(step.people)
        if n < 5:
            tracker.update(frame, true)
            continue
        expected = tracker.expect(frame, flow="always")
        if n == 5:
            assert np.isinf(expected.waited).all()
            looked, seen = np.array([True, True, False]), np.array([True, False, False])
        else:
            np.testing.assert_allclose(expected.waited, [1 / 25, 1 / 25, np.inf], atol=1e-3)
            break
        tracker.follow(frame, nearest(expected.poses, true), looked, seen)


def test_after_a_cut_nobody_is_expected() -> None:
    tracker = PoseTracker(SKELETON)
    steps = list(apart(2).steps())
    for n, step in enumerate(steps[:5]):
        tracker.update(frame_of(step.image, n, step.time), exact(step.people))
    other = np.random.default_rng(0).integers(0, 60, (36, 64, 3)).astype(np.uint8)
    other = np.kron(other, np.ones((10, 10, 1), np.uint8))
    frame = frame_of(other, 5, steps[5].time)
    assert len(tracker.expect(frame)) == 0
    assert len(tracker.update(frame, Poses.nobody(SKELETON))) == 0


def test_expect_may_be_asked_twice_and_update_may_follow() -> None:
    """Asking changes nothing: the tracks are those of a tracker that was not asked."""
    asked, plain = PoseTracker(SKELETON), PoseTracker(SKELETON)
    for n, step in enumerate(apart(2).steps()):
        frame, true = frame_of(step.image, n, step.time), exact(step.people)
        asked.expect(frame)
        asked.expect(frame, flow="always")
        one, other = asked.update(frame, true), plain.update(frame, true)
        assert one.id.tolist() == other.id.tolist()
        np.testing.assert_array_equal(one.poses.xy, other.poses.xy)
        if n == 20:
            break


def test_follow_without_expect_is_a_mistake_of_the_program() -> None:
    step = next(apart(2).steps())
    with pytest.raises(AssertionError):
        PoseTracker(SKELETON).follow(
            frame_of(step.image, 0, 0.0),
            Poses.nobody(SKELETON),
            np.zeros(0, bool),
            np.zeros(0, bool),
        )
