"""Frames of several cameras, paired by time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.runtime.synchronizer import SILENCE_SECONDS, FrameSet, Pairer, merge
from realtime.types.frames import Frame

IMAGE = np.zeros((2, 2, 3), np.uint8)


def frame(camera: str, index: int, time: float) -> Frame:
    return Frame(camera, index, f"{camera}_{index:012d}", time, time, IMAGE)


def frames(camera: str, times: list[float]) -> list[Frame]:
    return [frame(camera, index, time) for index, time in enumerate(times)]


def indices(sets: list[FrameSet]) -> list[tuple[int | None, ...]]:
    return [tuple(None if one is None else one.index for one in each) for each in sets]


def test_files_of_one_rate_are_paired_frame_by_frame() -> None:
    times = [n / 30 for n in range(5)]
    sets = list(merge([iter(frames(name, times)) for name in "abc"]))
    assert indices(sets) == [(n, n, n) for n in range(5)]


def test_a_shorter_file_leaves_and_the_others_go_on() -> None:
    long, short = [n / 10 for n in range(4)], [n / 10 for n in range(2)]
    sets = list(merge([iter(frames("a", long)), iter(frames("b", short))]))
    assert indices(sets) == [(0, 0), (1, 1), (2, None), (3, None)]


def test_a_file_of_half_the_rate_is_there_every_other_time() -> None:
    fast, slow = [n / 20 for n in range(6)], [n / 10 for n in range(3)]
    sets = list(merge([iter(frames("a", fast)), iter(frames("b", slow))]))
    assert indices(sets) == [(0, 0), (1, None), (2, 1), (3, None), (4, 2), (5, None)]


def test_files_that_began_a_little_apart_pair_with_the_nearest() -> None:
    a, b = [n / 30 for n in range(6)], [n / 30 + 0.010 for n in range(6)]
    sets = list(merge([iter(frames("a", a)), iter(frames("b", b))]))
    assert indices(sets) == [(n, n) for n in range(6)]


@given(st.lists(st.lists(st.floats(0, 2), max_size=30).map(sorted), min_size=1, max_size=4))
def test_every_frame_of_every_file_comes_once_and_in_order(cameras: list[list[float]]) -> None:
    sets = list(merge([iter(frames(str(n), times)) for n, times in enumerate(cameras)]))
    for n, times in enumerate(cameras):
        seen = [each[n].index for each in sets if each[n] is not None]  # type: ignore[union-attr]
        assert seen == list(range(len(times)))
    assert all(any(one is not None for one in each) for each in sets)


def play(
    cameras: list[list[float]], *, delays: list[float] | None = None
) -> tuple[Pairer, list[FrameSet]]:
    """What the pairer gives when frames arrive at their times plus their camera's delay."""
    pairer = Pairer(len(cameras))
    delays = delays or [0.0] * len(cameras)
    events = sorted(
        (time + delays[n], n, index, time)
        for n, times in enumerate(cameras)
        for index, time in enumerate(times)
    )
    sets = [pairer.put(n, frame(str(n), index, time)) for _, n, index, time in events]
    return pairer, [one for one in sets if one is not None]


def spread(each: FrameSet) -> float:
    times = [one.time for one in each if one is not None]
    return max(times) - min(times)


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1])
def test_live_sets_are_never_more_than_half_a_frame_apart(delay: float) -> None:
    """Four cameras at 30 fps that jitter, started apart, one of them with a slow cable."""
    rng = np.random.default_rng(0)
    cameras = [
        sorted((np.arange(150) / 30 + offset + rng.uniform(-0.003, 0.003, 150)).tolist())
        for offset in (0.0, 0.004, 0.009, 0.012)
    ]
    _, sets = play(cameras, delays=[0, 0, 0, delay])
    assert len(sets) > 140
    assert all(None not in each for each in sets)
    assert max(spread(each) for each in sets) <= 0.5 / 30 + 0.004
    for n in range(4):
        seen = [each[n].index for each in sets if each[n] is not None]  # type: ignore[union-attr]
        assert all(a < b for a, b in itertools.pairwise(seen))


@pytest.mark.parametrize(
    ("phases", "most"), [((0, 8, 17, 25), 30), ((0, 17, 17, 17), 23), ((0, 17), 17), ((0, 0.1), 5)]
)
def test_cameras_that_run_free_are_as_close_as_they_can_be(
    phases: tuple[float, ...], most: float
) -> None:
    """30 fps, phases in ms: a frame on the other side of the instant would be a whole one apart."""
    rng = np.random.default_rng(1)
    cameras = [
        sorted((np.arange(300) / 30 + phase / 1000 + rng.uniform(-0.002, 0.002, 300)).tolist())
        for phase in phases
    ]
    _, sets = play(cameras, delays=[0.05, 0.03, 0.04, 0.03][: len(phases)])
    assert len(sets) > 200
    assert max(spread(each) for each in sets) <= most / 1000
    for n in range(len(phases)):
        seen = [each[n].index for each in sets if each[n] is not None]  # type: ignore[union-attr]
        assert all(a < b for a, b in itertools.pairwise(seen))


def test_a_camera_that_falls_silent_is_left_out_and_let_in_again() -> None:
    whole = [n / 30 for n in range(180)]
    gap = [time for time in whole if not 2.0 <= time < 4.0]
    _, sets = play([whole, gap])
    alone = [each[0].time for each in sets if each[0] is not None and each[1] is None]  # type: ignore[union-attr]
    assert min(alone) == pytest.approx(2.0 + SILENCE_SECONDS, abs=0.05)
    assert max(alone) < 4.05
    both = [each for each in sets if None not in each]
    assert len(both) > 110
    assert max(spread(each) for each in both) <= 1 / 60


@pytest.mark.parametrize("period", [0.6, 1.0, 5.0])
def test_slow_cameras_are_paired(period: float) -> None:
    """One picture a second and less, a fifth of a period apart: neither is silent."""
    slow = [n * period for n in range(40)]
    _, sets = play([slow, [time + period / 5 for time in slow]])
    both = [each for each in sets if None not in each]
    assert len(both) >= 35
    assert max(spread(each) for each in both) == pytest.approx(period / 5)


def test_a_slow_camera_that_dies_is_left_out() -> None:
    slow = [n * 1.0 for n in range(60)]
    _, sets = play([slow, [time + 0.2 for time in slow if time < 30]])
    alone = [each[0].time for each in sets if each[0] is not None and each[1] is None]  # type: ignore[union-attr]
    assert [time for time in alone if time > 10] == slow[31:]


def test_a_camera_that_never_speaks_does_not_hold_up_the_other() -> None:
    _, sets = play([[n / 30 for n in range(60)], []])
    assert len(sets) > 40
    assert all(each[1] is None for each in sets)


def test_one_camera_is_every_frame() -> None:
    _, sets = play([[n / 30 for n in range(20)]])
    assert indices(sets) == [(n,) for n in range(20)]


def test_a_slow_camera_sets_the_pace() -> None:
    fast, slow = [n / 60 for n in range(240)], [n / 15 + 0.001 for n in range(60)]
    _, sets = play([fast, slow])
    assert 50 <= len(sets) <= 60
    assert all(None not in each for each in sets)
    assert np.median([spread(each) for each in sets]) < 0.01
