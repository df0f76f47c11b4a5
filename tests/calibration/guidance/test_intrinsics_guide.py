"""Live guidance: which views are taken, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from calibration.board.detection import Sighting
from calibration.board.intrinsics import calibrate
from calibration.board.view_selection import view_information
from calibration.guidance.intrinsics_guide import WANTED_VIEWS, Advice, Guide
from calibration.guidance.intrinsics_screen import preview
from tests.calibration.boards import CHARUCO, pose
from tests.calibration.cameras import LENSES, camera

LENS = replace(
    camera(distortion=LENSES[5]),
    matrix=np.array([[910.0, 0, 641.5], [0, 910.0, 352.25], [0, 0, 1]]),
    rotation=np.eye(3),
    translation=np.zeros(3),
)
RATE = 10.0
STRAIGHT = (0.0, 0.0, 0.0), (0.0, 0.0, 0.6)
Place = tuple[tuple[float, float, float], tuple[float, float, float]]


def sight(place: Place, *, blur: float = 2.0, noise: float = 0.1, seed: int = 0) -> Sighting | None:
    """What the lens sees of the board turned and held so."""
    turn, shift = pose(*place, CHARUCO)
    xy = replace(LENS, rotation=turn, translation=shift).project(CHARUCO.points)
    xy = xy + np.random.default_rng(seed).normal(0, noise, xy.shape)
    inside = ((xy > 0) & (xy < np.array(LENS.size) - 1)).all(1)
    if inside.sum() < 6:
        return None
    return Sighting(np.flatnonzero(inside), xy[inside], LENS.size, blur)


def held(guide: Guide, place: Place, began: float, seconds: float, **how: float) -> list[Advice]:
    """The board held there."""
    times = np.arange(began, began + seconds, 1 / RATE)
    return [guide.look(sight(place, seed=n, **how), at) for n, at in enumerate(times)]


def test_a_view_is_taken_once_the_board_stood_still_for_long_enough() -> None:
    guide = Guide(CHARUCO, hold=0.95)
    said = held(guide, STRAIGHT, 5.0, 3.0)
    left = [advice.left for advice in said if advice.left is not None]
    assert np.allclose(left, np.arange(0.95, 0, -0.1), atol=1e-6)
    assert [advice.took for advice in said].count(True) == 1
    assert said[11].took  # the first frame alone cannot tell whether the board moves
    assert len(guide.taken) == 1
    assert "already" in said[-1].words


def test_a_board_that_moves_is_not_taken_and_starts_the_count_anew() -> None:
    guide = Guide(CHARUCO, hold=0.5)
    for n in range(40):  # 6 cm, a tenth of the picture, in a second
        advice = guide.look(sight(((0, 0, 0), (0.006 * n - 0.1, 0, 0.6))), n / RATE)
        assert advice.left is None
    assert "still" in advice.words
    for n in range(12):  # a jerk every four frames
        advice = guide.look(sight(((0, 0, 0), (0.05 * (n // 4 % 2), 0, 0.6))), 10 + n / RATE)
        assert not advice.took
    assert not guide.taken


def test_blurred_views_are_not_taken() -> None:
    guide = Guide(CHARUCO, hold=0.3)
    held(guide, STRAIGHT, 0.0, 1.0)
    said = held(guide, ((0.4, 0, 0), (0.1, 0, 0.6)), 10.0, 1.0, blur=6.0)
    assert all("blur" in advice.words for advice in said)
    assert len(guide.taken) == 1
    assert not guide.take().took
    assert "blur" in guide.take().words


def test_keys_take_and_drop() -> None:
    guide = Guide(CHARUCO)
    assert not guide.take().took
    assert "no view" in guide.drop().words
    guide.look(sight(STRAIGHT), 0.0)
    assert guide.take().took
    guide.look(None, 0.1)
    assert not guide.take().took
    assert len(guide.taken) == 1
    guide.drop()
    assert not guide.taken


def test_words_name_what_is_missing() -> None:
    guide = Guide(CHARUCO, hold=0.0)
    assert "show the board" in guide.look(None, 0.0).words
    held(guide, STRAIGHT, 1.0, 0.4)
    assert "cover the upper left" in guide.todo
    time = 2.0
    for x in (-0.3, 0, 0.3):
        for y in (-0.16, 0, 0.16):
            for far in (0.5, 0.6):
                held(guide, ((0, 0.1, 0), (x, y, far)), time, 0.4)
                time += 5
    assert guide.variety.covered.all()
    assert "tilt the board more left and right" in guide.todo
    for lean in (-0.5, 0.5):
        held(guide, ((0, lean, 0), (0, 0, 0.6)), time, 0.4)
        time += 5
    assert "tilt the board more up and down" in guide.todo
    for lean in (-0.5, 0.5):
        held(guide, ((lean, 0, 0), (0, 0, 0.6)), time, 0.4)
        time += 5
    assert "nearer and farther" in guide.todo
    held(guide, ((0.2, 0, 0), (0, 0, 1.2)), time, 0.4)
    assert "more view" in guide.todo
    assert not guide.done
    while len(guide.taken) < WANTED_VIEWS:
        guide.take()
        guide.look(sight(STRAIGHT), 999.0)
    assert guide.done
    assert guide.todo == "enough views"


def places(count: int) -> Iterator[Place]:
    """Of somebody who waves the board about in front of the camera."""
    rng = np.random.default_rng(1)
    for _ in range(count):
        at = rng.uniform((-0.35, -0.2, 0.4), (0.35, 0.2, 1.0))
        yield tuple(rng.uniform(-0.6, 0.6, 3)), tuple(at)


def test_views_are_chosen_for_what_they_tell() -> None:
    """As many of the first, evenly spread over the time, tell less."""
    guide = Guide(CHARUCO, hold=0.2)
    time, seen = 0.0, []
    for place in places(200):
        for near in range(4):  # most of what is shown is much like something before
            turn, at = place
            close = (turn[0] + 0.04 * near, turn[1], turn[2]), at
            one = sight(close)
            if one is not None:
                seen.append(one)
            held(guide, close, time, 0.6)
            time += 5
        if guide.done:
            break
    assert guide.done
    assert WANTED_VIEWS <= len(guide.taken) <= 40
    first = seen[: len(guide.taken)]

    def known(views: list[Sighting]) -> float:
        return float(
            np.linalg.slogdet(sum(view_information(LENS, one, CHARUCO.points) for one in views))[1]
        )

    assert known(guide.taken) > known(first) + 1
    found = calibrate(guide.taken, CHARUCO, "cam", fisheye=False)
    off = np.diag(found.camera.matrix - LENS.matrix)[:2]
    assert (np.abs(off) < 4 * found.deviations[:2]).all()
    assert (found.deviations[:2] < 5).all()


def test_the_preview_shows_the_count_and_what_is_covered() -> None:
    guide = Guide(CHARUCO, hold=1.0)
    image = np.full((720, 1280, 3), 100, np.uint8)
    advice = held(guide, ((0, 0, 0), (-0.2, -0.1, 0.6)), 0.0, 0.8)[-1]
    assert advice.left is not None
    before = preview(image, guide, advice)
    assert before.shape == image.shape
    assert (image == 100).all()
    held(guide, ((0, 0, 0), (-0.2, -0.1, 0.6)), 0.8, 0.6)
    assert len(guide.taken) == 1
    after = preview(image, guide, guide.look(None, 9.0))
    x, y = guide.taken[0].xy.mean(0).round().astype(int) + 12
    blue, green, red = after[y, x].astype(int)
    assert green > 120 > max(blue, red)  # the taken view
    covered = guide.variety.covered
    assert covered.any()
    assert not covered.all()
    for row in range(3):
        for column in range(3):
            edge = after[720 * row // 3 + 100, 1280 * column // 3 + 3].astype(int)
            assert (edge[2] > edge[1] + 60) == (not covered[row, column])


def test_a_large_picture_is_shown_smaller() -> None:
    guide = Guide(CHARUCO)
    image = np.zeros((2160, 3840, 3), np.uint8)
    assert preview(image, guide, guide.look(None, 0.0)).shape == (720, 1280, 3)
