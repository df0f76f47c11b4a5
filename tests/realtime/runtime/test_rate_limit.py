"""--max-fps: which frames are taken, and how long a reader of files waits."""

from __future__ import annotations

import pytest

from realtime.runtime.rate_limit import RateLimit


class Time:
    """A clock that waits alone, and what is asked of the limit, move on."""

    def __init__(self, *, stopped: bool = False) -> None:
        self.now = 100.0
        self._stopped = stopped

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        assert seconds > 0
        self.now += seconds
        return self._stopped


@pytest.mark.parametrize(("fps", "taken"), [(20, 200), (10, 100), (29, 290), (30, 300), (60, 300)])
def test_of_a_camera_at_30_fps_as_many_are_taken_as_the_limit_says(fps: float, taken: int) -> None:
    time = Time()
    limit, count = RateLimit(fps, live=True, clock=time.clock, wait=time.wait), 0
    for n in range(300):
        time.now = 100 + n / 30 + 1e-4 * (n % 7)  # cameras are not quite regular
        count += limit.admits()
    assert count == pytest.approx(taken, abs=2)


def test_after_a_pause_no_frames_come_in_a_burst() -> None:
    time = Time()
    limit = RateLimit(10, live=True, clock=time.clock)
    assert limit.admits()
    time.now += 60
    admitted = []
    for _ in range(10):
        admitted.append(limit.admits())
        time.now += 0.01
    assert sum(admitted) <= 2


def test_all_frames_of_a_file_are_taken_in_their_time() -> None:
    time = Time()
    limit = RateLimit(50, live=False, clock=time.clock, wait=time.wait)
    assert all(limit.admits() for _ in range(101))
    assert time.now == pytest.approx(102, abs=0.03)


def test_work_that_takes_longer_is_not_made_to_wait() -> None:
    time = Time()
    limit = RateLimit(50, live=False, clock=time.clock, wait=time.wait)
    for _ in range(10):
        assert limit.admits()
        time.now += 0.5
    assert time.now == pytest.approx(105)


def test_who_waits_is_let_go_when_the_run_ends() -> None:
    time = Time(stopped=True)
    limit = RateLimit(1, live=False, clock=time.clock, wait=time.wait)
    assert limit.admits()
    assert not limit.admits()
    real = RateLimit(0.01, live=False)
    assert real.admits()
    real.stop()
    assert not real.admits()
