"""Movements in results: of 3D people through a whole rig, and of people in pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from engines.types.arrays import Doubles, Floats
from realtime.multiview.reconstructor import MultiViewReconstructor
from realtime.sports.analysis import MAX_PEOPLE, MovementAnalysis
from realtime.types.joint_angles import joint_angles, joints
from realtime.types.movement import Event
from realtime.types.results import Poses3D, Result
from tests.bodies import BODY25, body, sightings
from tests.calibration.cameras import ring
from tests.realtime.instants import instant
from tests.realtime.results import result, tracks
from tests.realtime.sports.athletes import (
    Motion,
    jumps,
    knee_angle,
    moments,
    pictured,
    posed,
    squats,
    throws,
)

RIG = ring(4, radius=5)


def walk(time: float) -> Doubles:
    return body((time - 2, 0.3), phase=5 * time)


def in_space(motion: Motion, seconds: float, noise: float) -> Iterator[tuple[Doubles, Result]]:
    """What four cameras make of somebody at 30 fps, beside the truth."""
    reconstructor = MultiViewReconstructor(RIG, BODY25)
    analysis = MovementAnalysis(BODY25, len(RIG), RIG, None)
    rng = np.random.default_rng(0)
    for time in moments(30, seconds):
        views = sightings(RIG, [motion(time)], time, rng=rng, noise=noise)
        poses = reconstructor.update(time, views)
        yield motion(time), analysis.add_to(Result(time, tuple(views), {}, poses3d=poses))


def angles_of(points: Doubles) -> Floats:
    poses = instant([points], [0]).poses3d
    assert poses is not None
    return joint_angles(poses)[0]


@pytest.mark.parametrize("motion", [walk, squats(1), jumps(1)], ids=["walk", "squat", "jump"])
@pytest.mark.parametrize(("noise", "most"), [(0.0, 0.5), (2.0, 3.0)])
def test_angles_in_space_are_those_of_the_body(motion: Motion, noise: float, most: float) -> None:
    """Mean over all joints and frames, four cameras at 5 m (focal length 900 px)."""
    errors = []
    for points, one in in_space(motion, 4, noise):
        assert one.poses3d is not None
        if len(one.poses3d):
            errors.append(joint_angles(one.poses3d)[0] - angles_of(points))
    assert len(errors) > 100
    assert np.nanmean(np.abs(errors)) <= most


def test_an_angle_that_an_instant_does_not_say_is_the_filtered_one() -> None:
    poses = instant([posed()], [0]).poses3d
    assert poses is not None
    straight, bent = posed(), posed(hips=0.5)
    knee, elbow = (BODY25.keypoints.index(f"left_{name}") for name in ("knee", "elbow"))
    measured = bent.copy()
    measured[elbow] = np.nan
    seen = replace(poses, xyz=straight[None].astype(np.float32), measured=measured[None])
    angles = dict(zip(joints(BODY25), joint_angles(seen)[0].tolist(), strict=True))
    expected = dict(zip(joints(BODY25), angles_of(straight).tolist(), strict=True))
    assert angles["left_knee"] == pytest.approx(knee_angle(0.5), abs=0.1)
    assert angles["left_elbow"] == pytest.approx(expected["left_elbow"], abs=0.1)
    filled = seen.filled.copy()
    filled[0, knee] = True  # carried along: the instant says nothing of it
    angles = dict(zip(joints(BODY25), joint_angles(replace(seen, filled=filled))[0], strict=True))
    assert angles["left_knee"] == pytest.approx(expected["left_knee"], abs=0.1)


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_rig_sees_how_high_somebody_jumps(noise: float) -> None:
    found: list[Event] = []
    for _, one in in_space(jumps(2, height=0.3), 7, noise):
        found += [event for person in one.movements3d.values() for event in person.events]
    assert [event.kind for event in found] == ["jump", "jump"]
    for event in found:
        assert event.measures["height"] == pytest.approx(0.3, abs=0.01)


def test_a_rig_sees_how_steep_somebody_throws() -> None:
    found: list[Event] = []
    for _, one in in_space(throws(2, angle=52), 6, 2.0):
        found += [event for person in one.movements3d.values() for event in person.events]
    assert [event.kind for event in found] == ["throw", "throw"]
    for n, event in enumerate(found):
        assert event.measures["release_angle"] == pytest.approx(52, abs=4)
        assert event.time == pytest.approx(1.25 + 2 * n, abs=0.02)


def test_speeds_are_metres_a_second_with_a_rig() -> None:
    speeds = [
        person.speed for _, one in in_space(walk, 4, 2.0) for person in one.movements3d.values()
    ]
    assert np.nanmedian(speeds) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("pixels", [90.0, 240.0])
def test_a_body_height_gives_pictures_a_scale(pixels: float) -> None:
    """180 px a second are two metres a second of somebody of whom 90 px are a metre."""
    analysis = MovementAnalysis(BODY25, 1, None, 1.75)
    for time in moments(30, 2):
        seen = tracks([pictured(posed(), pixels)], ids=[4], skeleton=BODY25)
        seen = replace(seen, speed=np.array([2 * pixels], np.float32))
        (movements,) = analysis.add_to(result(seen, time=time)).movements
    assert movements[4].speed == pytest.approx(2.0, rel=0.01)
    assert movements[4].hips == pytest.approx(1.0, abs=0.01)


def test_people_of_one_picture_are_kept_apart_and_nobody_is_left_out() -> None:
    analysis = MovementAnalysis(BODY25, 1, None, None)
    motions = {3: squats(2), 8: jumps(2)}
    counts: dict[int, dict[str, int]] = {}
    for n, time in enumerate(moments(30, 9)):
        ids = [3, 8, -1] if n % 2 else [8, 3, -1]
        people = [pictured(motions.get(one, squats(0))(time)) for one in ids]
        one = analysis.add_to(result(tracks(people, ids=ids, skeleton=BODY25), time=time))
        assert sorted(one.movements[0]) == [3, 8]  # without an id nobody can be followed
        counts = {who: dict(does.counts) for who, does in one.movements[0].items()}
    assert counts == {3: {"squat": 2}, 8: {"jump": 2}}


def shaken(motion: Motion, seconds: float) -> dict[str, int]:
    """What is counted of somebody of 315 px whom a hand-held camera shakes by 40 px."""
    analysis, last = MovementAnalysis(BODY25, 1, None, None), np.zeros(2)
    rng = np.random.default_rng(0)
    for time in moments(30, seconds):
        shake = 40 * np.array([np.sin(7 * time), np.sin(11 * time)])
        people = [pictured(motion(time)) + shake + rng.normal(0, 1, (len(BODY25.keypoints), 2))]
        moved = (shake - last + rng.normal(0, 0.3, 2)).astype(np.float32)
        seen, last = replace(tracks(people, ids=[1], skeleton=BODY25), camera=moved), shake
        (movements,) = analysis.add_to(result(seen, time=time)).movements
    return dict(movements[1].counts)


def test_a_camera_in_somebodys_hand_jumps_for_nobody() -> None:
    assert shaken(walk, 12) == {}
    assert shaken(jumps(2), 7) == {"jump": 2}
    assert shaken(squats(2), 9) == {"squat": 2}


def test_thousands_of_ids_do_not_fill_the_memory() -> None:
    analysis = MovementAnalysis(BODY25, 1, None, None)
    for n in range(3 * MAX_PEOPLE):
        seen = tracks([pictured(posed())], ids=[n], skeleton=BODY25)
        analysis.add_to(result(seen, time=n / 30))
    assert len(analysis._pictures[0]) == MAX_PEOPLE


def test_photos_and_clips_that_begin_anew_do_no_harm() -> None:
    """Times that stand still, or go back."""
    analysis = MovementAnalysis(BODY25, 1, None, None)
    for time in [0.0, 0.0, 0.0, 0.1, 0.2, 0.05, 0.1]:
        seen = tracks([pictured(posed())], ids=[1], skeleton=BODY25)
        (movements,) = analysis.add_to(result(seen, time=time)).movements
    assert not movements[1].events


def test_an_instant_without_people_has_no_movements() -> None:
    nobody = instant([], [])
    assert isinstance(nobody.poses3d, Poses3D)
    assert MovementAnalysis(BODY25, 1, RIG, None).add_to(nobody).movements3d == {}
