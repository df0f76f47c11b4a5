"""People who were out of sight: who comes back gets the id that they had, by place and looks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.types.arrays import Image
from realtime.assembly import stream
from realtime.tracking.tracker import MAX_LOST_S, PoseTracker, TrackerSettings
from realtime.types.results import Tracks
from tests.realtime.tracked import BLACK, found, frame, texture
from tests.realtime.wanted import settings
from tests.synth import SKELETON, Points, person

RATE = 12.5
RED, GREEN, BLUE = (40, 40, 200), (40, 180, 40), (200, 60, 40)
Someone = tuple[Points, tuple[int, int, int]]


def picture(people: list[Someone]) -> Image:
    """People in clothes of one colour each before a wall."""
    image = texture() // 4 + 100
    for body, colour in people:
        for one, other in SKELETON.drawn:
            ends = [tuple(map(int, np.rint(body[n]))) for n in (one, other)]
            cv2.line(image, *ends, colour, 9, cv2.LINE_AA)
    return np.asarray(image, np.uint8)


def watch(
    tracker: PoseTracker, times: np.ndarray, scene: Callable[[float], list[Someone]]
) -> list[Tracks]:
    """What the tracker makes of a scene in which everybody to be seen is found."""
    seen = []
    for time in times.tolist():
        people = scene(time)
        poses = found([body for body, _ in people])
        seen.append(tracker.update(frame(time, picture(people)), poses))
    return seen


def seconds(begin: float, end: float) -> np.ndarray:
    return np.arange(round(begin * RATE), round(end * RATE)) / RATE


def at(tracks: Tracks, x: float) -> int:
    """The id of who stands at x pixels."""
    near = np.abs(np.nanmean(tracks.poses.xy[..., 0], axis=1) - x)
    assert near.min() < 30
    return int(tracks.id[near.argmin()])


def middle(body: Points) -> float:
    return float(np.nanmean(body[:, 0]))


@pytest.mark.parametrize("away", [0.5, 1, 2])
def test_who_walks_behind_a_pillar_comes_out_the_same(away: float) -> None:
    def walker(time: float) -> list[Someone]:
        body = person((100 + 80 * time, 180), 200)
        return [] if 1.5 <= time < 1.5 + away else [(body, RED)]

    tracks = watch(PoseTracker(SKELETON), seconds(0, 2.5 + away), walker)
    assert {one for frame_ in tracks for one in frame_.id.tolist() if one >= 0} == {1}
    assert tracks[-1].id.tolist() == [1]


def hidden_swap(one: Someone, other: Someone, tracker: PoseTracker) -> tuple[list[int], list[int]]:
    """Ids of two people before and after they changed places out of sight for a second."""
    first = [(one[0] + (220, 0), one[1]), (other[0] + (300, 0), other[1])]
    then = [(other[0] + (220, 0), other[1]), (one[0] + (300, 0), one[1])]
    before = watch(tracker, seconds(0, 1), lambda _: first)[-1]
    watch(tracker, seconds(1, 2), lambda _: [])
    after = watch(tracker, seconds(2, 2.5), lambda _: then)[-1]
    ids = [at(before, middle(body)) for body, _ in first]
    return ids, [at(after, middle(body)) for body, _ in (then[1], then[0])]


def test_clothes_tell_who_is_who_when_people_swap_places_out_of_sight() -> None:
    body = person((0, 180), 200)
    before, after = hidden_swap((body, RED), (body, GREEN), PoseTracker(SKELETON))
    assert sorted(before) == [1, 2]
    assert after == before


def test_places_tell_where_clothes_may_not() -> None:
    body = person((0, 180), 200)
    blind = PoseTracker(SKELETON, TrackerSettings(colours=False))
    before, after = hidden_swap((body, RED), (body, GREEN), blind)
    assert after == before[::-1]


def test_build_tells_who_is_who_where_clothes_are_alike() -> None:
    tall, small = person((0, 180), 230), person((0, 180), 150)
    for bones in (True, False):
        tracker = PoseTracker(SKELETON, TrackerSettings(bones=bones))
        before, after = hidden_swap((tall, BLUE), (small, BLUE), tracker)
        assert sorted(before) == [1, 2]
        assert (after == before) is bones


def test_somebody_else_in_the_same_place_is_somebody_new() -> None:
    body = person((300, 180), 200)
    tracker = PoseTracker(SKELETON)
    watch(tracker, seconds(0, 1), lambda _: [(body, RED)])
    watch(tracker, seconds(1, 2), lambda _: [])
    assert watch(tracker, seconds(2, 2.5), lambda _: [(body, GREEN)])[-1].id.tolist() == [2]


def test_who_stays_away_for_too_long_gets_a_new_id() -> None:
    body = person((300, 180), 200)
    for away, expected in ((MAX_LOST_S - 0.5, 1), (MAX_LOST_S + 0.5, 2)):
        tracker = PoseTracker(SKELETON)
        watch(tracker, seconds(0, 1), lambda _: [(body, RED)])
        watch(tracker, seconds(1, 1 + away), lambda _: [])
        again = watch(tracker, seconds(1 + away, 1.5 + away), lambda _: [(body, RED)])
        assert again[-1].id.tolist() == [expected]


def test_who_left_the_picture_is_not_carried_on_beside_it() -> None:
    tracker = PoseTracker(SKELETON)
    for n in range(10):
        body = person((500 + 30 * n, 180), 200)
        body[body[:, 0] > 639] = np.nan
        if np.isfinite(body).all(axis=1).sum() >= 6:
            tracker.update(frame(n / RATE, BLACK), found([body]))
        else:
            assert len(tracker.update(frame(n / RATE, BLACK), found([]))) == 0


@pytest.mark.int8
def test_who_comes_in_fast_and_half_seen_is_one_person(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real clip: the fourth comes in from below, a few keypoints first and more in each frame."""
    monkeypatch.setenv("POSE_WEIGHTS", str(data / "models"))
    clip = str(data / "video" / "one-by-one.mp4")
    model = "human-pose-estimation-0001"
    wanted = settings(clip, start=740, end=780, model=model, precision="int8")
    ids = [view.tracks.id for result in stream(wanted) for view in result.views if view]
    known = np.concatenate(ids)
    assert set(known[known > 0].tolist()) == {1}
    assert (known > 0).sum() > 25
