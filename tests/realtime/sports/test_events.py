"""Squats, jumps and throws: how many there were, when, and how high, deep and steep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from engines.types.arrays import Doubles
from engines.types.skeleton import named_skeleton
from realtime.sports.posture import Parts
from realtime.types.errors import SettingsError
from realtime.types.movement import Event
from tests.bodies import BODY25, body
from tests.realtime.sports.athletes import (
    STANDING_HIPS,
    STATURE,
    events_of,
    jumps,
    knee_angle,
    squats,
    throws,
)

RATES = (15, 24, 60)
WAYS = pytest.mark.parametrize(
    ("fps", "flat"),
    [(15, False), (15, True), (24, True), (60, False)],
    ids=["3D at 15", "picture at 15", "picture at 24", "3D at 60"],
)


def kinds(events: Sequence[Event]) -> list[tuple[str, int]]:
    return [(one.kind, one.number) for one in events]


def noisy(pixels: float, missing: float, seed: int) -> Callable[[int, Doubles], Doubles]:
    rng = np.random.default_rng(seed)

    def change(_: int, points: Doubles) -> Doubles:
        seen = points + rng.normal(0, pixels, points.shape)
        seen[rng.random(len(points)) < missing] = np.nan
        return np.asarray(seen)

    return change


@WAYS
def test_squats_are_counted_and_measured(fps: float, flat: bool) -> None:
    found = events_of(squats(3, low=0.5), fps, 12, flat=flat, stature=STATURE)
    assert kinds(found) == [("squat", 1), ("squat", 2), ("squat", 3)]
    for one, bottom in zip(found, (2.0, 5.0, 8.0), strict=True):
        assert one.time == pytest.approx(bottom, abs=1 / fps)
        assert one.start < one.time < one.end
        assert one.measures["depth"] == pytest.approx(STANDING_HIPS - 0.5, abs=0.01)
        assert one.measures["knee_angle"] == pytest.approx(knee_angle(0.5), abs=1)


@WAYS
def test_a_jump_of_thirty_centimetres_is_that_high(fps: float, flat: bool) -> None:
    found = events_of(jumps(3, height=0.3), fps, 10, flat=flat, stature=STATURE)
    assert kinds(found) == [("jump", 1), ("jump", 2), ("jump", 3)]
    flight = 2 * np.sqrt(2 * 0.3 / 9.81)
    for n, one in enumerate(found):
        assert one.measures["height"] == pytest.approx(0.3, abs=0.01)
        assert one.measures["flight"] == pytest.approx(flight, abs=0.01)
        assert one.measures["knee_angle"] == pytest.approx(knee_angle(0.7), abs=2)
        assert one.start == pytest.approx(1.6 + 2.5 * n, abs=0.01)  # between frames


def test_without_a_scale_times_and_angles_are_known_and_metres_are_not() -> None:
    (jump,) = events_of(jumps(1), 30, 5, flat=True)
    assert np.isnan(jump.measures["height"])
    assert jump.measures["flight"] == pytest.approx(0.495, abs=0.01)


@pytest.mark.parametrize("fps", [24, 60])
@pytest.mark.parametrize("angle", [35.0, 52.0, 65.0])
def test_a_release_is_where_the_wrist_is_fastest(fps: float, angle: float) -> None:
    found = events_of(throws(3, angle=angle), fps, 9)
    assert kinds(found) == [("throw", 1), ("throw", 2), ("throw", 3)]
    for n, one in enumerate(found):
        assert one.time == pytest.approx(1.25 + 2 * n, abs=0.5 / fps)
        assert one.measures["release_angle"] == pytest.approx(angle, abs=1)
        assert one.measures["release_speed"] == pytest.approx(4, rel=0.2)
        assert 1.4 < one.measures["release_height"] < 1.9
        assert one.measures["knee_angle"] > 170


@pytest.mark.parametrize("fps", [15, 30])
@pytest.mark.parametrize("seed", range(2))
def test_missing_and_shaking_keypoints_change_no_count(fps: float, seed: int) -> None:
    """2 px on people of 315, and every eighth keypoint missing."""
    given = {"flat": True, "stature": STATURE, "change": noisy(2, 0.125, seed)}
    down = events_of(squats(3), fps, 12, **given)  # type: ignore[arg-type]
    assert kinds(down) == [("squat", 1), ("squat", 2), ("squat", 3)]
    up = events_of(jumps(3), fps, 10, **given)  # type: ignore[arg-type]
    assert kinds(up) == [("jump", 1), ("jump", 2), ("jump", 3)]
    heights = [one.measures["height"] for one in up]
    assert np.mean(heights) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("seed", range(2))
def test_noise_hides_no_throw_at_fifteen_frames_a_second(seed: int) -> None:
    """1.5 px on people of 315; an arm is stretched within two frames."""
    found = events_of(throws(3), 15, 8, flat=True, stature=STATURE, change=noisy(1.5, 0, seed))
    assert kinds(found) == [("throw", 1), ("throw", 2), ("throw", 3)]
    for n, one in enumerate(found):
        assert one.time == pytest.approx(1.25 + 2 * n, abs=0.02)
        assert one.measures["release_angle"] == pytest.approx(52, abs=4)


def test_an_arm_that_was_out_of_sight_has_thrown_nothing() -> None:
    """Bent before, stretched after: between them a third of a second in which nobody saw it."""

    def hidden(n: int, points: Doubles) -> Doubles:
        if 1.02 <= n / 30 + 0.013 <= 1.24:
            points[[BODY25.keypoints.index(f"right_{part}") for part in ("elbow", "wrist")]] = (
                np.nan
            )
        return points

    assert events_of(throws(1), 30, 4, flat=True, stature=STATURE, change=hidden) == []


def test_what_no_body_does_between_two_frames_is_nobodys() -> None:
    """Every tenth frame has a hip or a foot of somebody else's."""

    def swapped(n: int, points: Doubles) -> Doubles:
        if n % 10 == 5:
            for name in ("left_hip", "right_hip", "mid_hip", "left_ankle", "right_ankle"):
                points[BODY25.keypoints.index(name)] += (400, 150)
        return points

    found = events_of(squats(2), 30, 9, flat=True, stature=STATURE, change=swapped)
    assert kinds(found) == [("squat", 1), ("squat", 2)]
    assert found[0].measures["depth"] == pytest.approx(STANDING_HIPS - 0.5, abs=0.02)


def test_an_id_that_is_gone_for_a_moment_goes_on() -> None:
    def gone(n: int, points: Doubles) -> Doubles | None:
        return None if 50 <= n < 70 else points  # in the middle of the first squat, 0.67 s

    assert kinds(events_of(squats(2), 30, 9, change=gone)) == [("squat", 1), ("squat", 2)]


def test_who_comes_back_elsewhere_has_not_jumped() -> None:
    """Gone for two seconds, back a metre higher in the picture: the floor is another."""

    def moved(n: int, points: Doubles) -> Doubles | None:
        return None if 60 <= n < 120 else points - (0, 180 * (n >= 120))

    standing = events_of(squats(0), 30, 8, flat=True, stature=STATURE, change=moved)
    assert standing == []


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("pace", [6.0, 12.0], ids=["walking", "running"])
def test_who_walks_does_nothing_else(fps: float, pace: float) -> None:
    def walk(time: float) -> Doubles:
        return body((time * pace / 6, 0), phase=time * pace)

    assert events_of(walk, fps, 6) == []
    assert events_of(walk, fps, 6, flat=True, change=noisy(2, 0.1, 0)) == []


def test_who_sits_down_to_stay_has_not_squatted() -> None:
    def sits(time: float) -> Doubles:
        return squats(1, period=30)(min(time, 16.0))  # down at second 16, and there it stays

    assert events_of(sits, 30, 40) == []


def test_who_is_small_and_far_or_large_and_near_counts_alike() -> None:
    for pixels in (0.2, 5.0):
        found = events_of(
            jumps(2), 30, 8, flat=True, change=lambda _, points, by=pixels: points * by
        )
        assert kinds(found) == [("jump", 1), ("jump", 2)]


def test_the_seventeen_keypoints_of_coco_are_enough() -> None:
    """Of which ankles stand for feet."""
    coco = named_skeleton("coco17")
    (jump,) = events_of(jumps(1), 30, 5, skeleton=coco)
    assert jump.measures["height"] == pytest.approx(0.3, abs=0.01)
    assert len(events_of(throws(2), 30, 7, skeleton=coco)) == 2


def test_hands_alone_neither_squat_nor_jump() -> None:
    with pytest.raises(SettingsError, match="need hips, knees and ankles"):
        Parts.of(named_skeleton("hand21"))
