"""The tracker of Simple Baselines: what flow carries joins what is found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from engines.types.oks import areas, oks
from engines.types.poses import Poses
from posestream.scoring.measures.following import clear_mot
from realtime.settings.tracking import TrackSettings
from realtime.tracking.camera_tracker import CameraTracker
from realtime.tracking.simple_baselines import SimpleBaselinesTracker
from realtime.types.errors import SettingsError
from realtime.types.results import Tracks
from tests.realtime.tracked import found, frame, texture, walk
from tests.scenes import Scene, Step, apart, crossing
from tests.synth import SKELETON

NOBODY = Poses.nobody(SKELETON)
SIGMAS = np.array(SKELETON.sigmas, np.float32)


def steps_of(scene: Scene) -> list[Step]:
    return list(scene.steps())


def exact(step: Step) -> Poses:
    """All people of a step where they are."""
    return found([np.asarray(xy) for xy in step.people.values()])


def figures(steps: Sequence[Step], tracks: Sequence[Tracks]) -> dict[str, float]:
    """Against the scene's own ids, by OKS 0.5."""
    rows = []
    for step, seen in zip(steps, tracks, strict=True):
        truth = np.array([*step.people.values()], np.float32)
        alike, _ = oks(truth, seen.poses.xy, areas(truth)[:, None], SIGMAS)
        rows.append(([*step.people], seen.id.tolist(), alike.astype(np.float64)))
    return clear_mot(rows)


def test_a_detector_that_misses_every_third_frame_loses_nobody() -> None:
    """And what it does not see is marked as carried."""
    scene, tracker = apart(), SimpleBaselinesTracker(SKELETON)
    steps = steps_of(scene)
    tracks = []
    for n, step in enumerate(steps):
        poses = NOBODY if n % 3 == 2 else exact(step)
        tracks.append(tracker.update(frame(step.time, step.image), poses))
        assert tracks[-1].filled.any() == (n % 3 == 2)
    seen = figures(steps, tracks)
    assert seen["recall"] >= 0.99
    assert seen["switches"] == 0
    assert seen["false people"] == 0


def test_flow_is_what_carries_people() -> None:
    """There is nothing to see in black pictures, and people stay where they were last seen."""
    steps, tracker = steps_of(apart()), SimpleBaselinesTracker(SKELETON)
    black = np.zeros_like(steps[0].image)
    tracks = [
        tracker.update(frame(one.time, black), NOBODY if n % 3 == 2 else exact(one))
        for n, one in enumerate(steps)
    ]
    moved = np.abs(tracks[2].poses.xy - tracks[1].poses.xy)
    assert np.nanmax(moved) == 0


def test_one_person_who_is_missed_is_carried_beside_those_found() -> None:
    steps, tracker = steps_of(apart(3)), SimpleBaselinesTracker(SKELETON)
    for n, step in enumerate(steps[:9]):
        poses = exact(step)
        if n % 3 == 2:
            poses = poses.some(np.array([0, 2]))
        seen = tracker.update(frame(step.time, step.image), poses)
        assert seen.id.tolist() == [1, 2, 3]
        assert seen.filled.any(axis=1).tolist() == [False, n % 3 == 2, False]
        truth = np.array([*step.people.values()])
        off = np.linalg.norm(seen.poses.xy - truth, axis=-1)
        assert np.median(off, axis=1).max() < 1  # but flow may lose a fast foot


def test_nobody_is_carried_for_ever() -> None:
    picture, tracker = texture(), SimpleBaselinesTracker(SKELETON)
    for n in range(20):
        poses = found([walk(300, 0, 0)]) if n < 3 else None
        seen = tracker.update(frame(n / 25, picture), poses)
        assert len(seen) == (1 if n <= 2 + 7 else 0)  # 0.3 s are seven frames


def test_somebody_back_while_the_queue_has_them_is_known() -> None:
    """Carried for seven frames more than seen, they are in the queue for ten frames after that."""
    for away, same in ((17, True), (18, False)):
        picture, tracker = texture(), SimpleBaselinesTracker(SKELETON)
        for n in range(3 + away):
            there = n in (0, 1, 2, 2 + away)
            seen = tracker.update(
                frame(n / 25, picture), found([walk(300, 0, 0)]) if there else NOBODY
            )
        assert seen.id.tolist() == [1 if same else 2]


def test_two_detections_of_one_person_are_one() -> None:
    picture = texture()
    body = walk(300, 0, 0)
    twice = found([body, body + 2])
    tracker = SimpleBaselinesTracker(SKELETON)
    assert tracker.update(frame(0, picture), twice).id.tolist() == [1]
    apart_ = SimpleBaselinesTracker(SKELETON, "off")
    assert apart_.update(frame(0, picture), twice).id.tolist() == [1, 2]


def test_who_flow_carries_is_told_to_a_second_look() -> None:
    steps, tracker = steps_of(apart(3)), SimpleBaselinesTracker(SKELETON)
    tracker.update(frame(steps[0].time, steps[0].image), exact(steps[0]))
    now = frame(steps[1].time, steps[1].image)
    expected = tracker.expect(now)
    truth = np.array([*steps[1].people.values()])
    off = np.linalg.norm(expected.poses.xy - truth, axis=-1)
    assert np.median(off, axis=1).max() < 1
    looked = np.ones(3, bool)
    seen = tracker.follow(now, exact(steps[1]), looked, np.array([True, True, False]))
    assert seen.id.tolist() == [1, 2, 3]
    assert seen.filled.any(axis=1).tolist() == [False, False, True]


def test_a_cut_ends_all_ids() -> None:
    tracker = SimpleBaselinesTracker(SKELETON)
    for n in range(3):
        tracker.update(frame(n / 25, texture(seed=0) // 3), found([walk(300, 0, 0)]))
    seen = tracker.update(frame(3 / 25, 255 - texture(seed=5) // 4), found([walk(300, 0, 0)]))
    assert seen.id.tolist() == [2]


def test_it_is_an_option() -> None:
    steps = steps_of(crossing())
    people = CameraTracker(SKELETON, TrackSettings(tracker="simple-baselines"))
    seen = [people.update(frame(one.time, one.image), exact(one)) for one in steps]
    assert figures(steps, seen)["recall"] > 0.9
    for wrong in ({"track": False}, {"detect_every": "auto"}):
        with pytest.raises(SettingsError, match="--tracker"):
            TrackSettings(tracker="simple-baselines", **wrong)  # type: ignore[arg-type]
