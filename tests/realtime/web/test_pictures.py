"""What pages may cost, what they may look at, and pictures with their people beside them."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.drawing.reprojection import Reprojection
from realtime.types.errors import SettingsError
from realtime.types.results import Result
from realtime.types.view_mode import PAFS, Shown
from realtime.web.pictures.budget import SHARE, Budget, BusyCores
from realtime.web.pictures.looks import Look, Wish
from realtime.web.pictures.view_jpeg import rendered
from tests.bodies import BODY25
from tests.realtime.studio_run import RIG, walk

FPS = 30


def shown_fps(cores: int, run: float, others: float, cost: float) -> float:
    """Frames a second that pages get of 30, where the run keeps so many cores busy, others too, and
    a frame costs so many seconds; after it has settled.
    """
    now, painted = 0.0, 0.0
    budget = Budget(lambda: now, lambda: run * now + painted, lambda: run + others, cores)
    times = []
    while now < 20:
        painted += cost
        now += cost
        times.append(now)
        now += budget.pause(cost, 1 / FPS)
    return sum(one >= 10 for one in times) / 10


def test_pages_get_all_frames_where_cores_are_idle() -> None:
    """A laptop of four cores with four cameras: a frame of all of them costs 4 ms."""
    assert shown_fps(4, 1.5, 0.5, 0.004) == pytest.approx(FPS, rel=0.02)
    assert shown_fps(2, 1.2, 0.3, 0.004) == pytest.approx(FPS, rel=0.02)


@pytest.mark.parametrize(("run", "others"), [(2.0, 0.0), (1.0, 1.0), (0.5, 9.0)])
def test_where_no_core_is_idle_pages_take_no_twentieth_of_the_run(
    run: float, others: float
) -> None:
    taken = 0.004 * shown_fps(2, run, others, 0.004)
    assert 0.5 * SHARE * run < taken < 0.05 * run


def test_pages_that_cost_much_get_a_frame_a_second_all_the_same() -> None:
    assert shown_fps(2, 0.5, 9, 0.2) > 1


def test_cores_are_busy_with_all_that_is_not_idle_or_waiting(tmp_path: Path) -> None:
    """User, nice, system, idle, waiting, interrupts, stolen: 60 of 100 ticks, of all cores."""
    file, count = tmp_path / "stat", os.cpu_count() or 1
    file.write_text("cpu  100 0 50 800 30 0 10 0 0 0\ncpu0 1 2 3\n")
    busy = BusyCores(file)
    file.write_text("cpu  130 10 55 830 40 5 15 5 0 0\ncpu0 1 2 3\n")
    assert busy() == pytest.approx(0.6 * count)
    assert busy() == 0  # no time has passed
    file.unlink()
    assert busy() >= 0  # the average load


def test_a_page_says_how_large_each_picture_is() -> None:
    shown = Shown(keypoints=BODY25.keypoints)
    look = Look.read("frames", {"side": "640,0,1280", "fps": "5"}, shown, range(3))
    wish = Wish(None, None, 640, drawn=False)
    assert look == Look("frames", ((0, wish), (2, wish._replace(side=1280))), 5)
    assert Look.read("stream", {}, shown, [1]) == Look("stream", ((1, Wish()),))
    for query in ({"side": "640,640"}, {"side": "641"}, {"fps": "31"}, {"side": "640,"}):
        with pytest.raises(SettingsError):
            Look.read("frames", query, shown, range(3))


def parsed(data: bytes) -> tuple[list[int], list[int], np.ndarray, np.ndarray, np.ndarray]:
    """Head, ids, people, outlines and the picture, as pages read them."""
    number, keypoints, people, outlined, size = struct.unpack_from("<4HI", data)
    ids = np.frombuffer(data, "<i4", people + outlined, 12)
    at = 12 + ids.nbytes
    seen = np.frombuffer(data, "<f4", people * keypoints * 3, at).reshape(people, keypoints, 3)
    at += seen.nbytes
    rims = np.frombuffer(data, "<f4", outlined * keypoints * 2, at)
    at += rims.nbytes
    picture = cv2.imdecode(np.frombuffer(data, np.uint8, size, at), cv2.IMREAD_COLOR)
    assert picture is not None
    assert len(data) % 4 == 0
    assert at + size <= len(data) < at + size + 4
    rims = rims.reshape(outlined, keypoints, 2)
    return [number, people, outlined], ids.tolist(), seen, rims, np.asarray(picture)


def test_people_come_beside_the_picture_in_its_pixels() -> None:
    """Nothing is drawn into it; of keypoints that are not shown nothing is said."""
    one: Result = walk()[0]
    shown = Shown(keypoints=BODY25.keypoints, threshold=0.2)
    wish = Wish(None, None, 320, drawn=False)
    head, ids, seen, rims, picture = parsed(rendered(one, 2, wish, shown, Reprojection(RIG)))
    assert head == [2, 3, 3]
    assert {*ids[:3]} == {*ids[3:]} == {0, 1, 2}
    view = one.views[2]
    assert view is not None
    people = view.tracks
    scale = 320 / max(view.frame.size)
    hidden = people.poses.score < 0.2
    xy = np.where(hidden[..., None], np.nan, (people.poses.xy + 0.5) * scale - 0.5)
    order = [people.id.tolist().index(n) for n in ids[:3]]
    np.testing.assert_allclose(seen[..., :2], xy[order], atol=1e-3)
    np.testing.assert_array_equal(seen[..., 2], people.filled[order])
    # The 3D people are where the cameras see them.
    np.testing.assert_allclose(rims[ids[3:].index(ids[0])], seen[0, :, :2], atol=2)
    small = cv2.resize(view.frame.image, picture.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(picture.astype(int) - small).mean() < 3
    only = parsed(rendered(one, 2, wish._replace(people3d="only"), shown, Reprojection(RIG)))
    assert only[0] == [2, 3, 0]
    np.testing.assert_allclose(only[2][..., :2], rims, atol=1e-3)


def test_views_of_maps_are_drawn_by_the_program() -> None:
    shown = Shown(keypoints=BODY25.keypoints, shows={PAFS})
    look = Look.read("frames", {"view": "pafs"}, shown, [0])
    data = rendered(walk()[0], *look.wishes[0], shown)
    assert parsed(data)[0] == [0, 0, 0]
