"""Clocks of streams: jitter and jumps taken out of the times of frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.runtime.clock import MAX_DRIFT, StreamClock


@given(
    jitter=st.lists(st.floats(0, 2), min_size=50, max_size=200),
    drift=st.floats(-MAX_DRIFT / 2, MAX_DRIFT / 2),
    zero=st.floats(-1e6, 1e6),
)
def test_jitter_is_taken_out_of_a_stream_s_times(
    jitter: list[float], drift: float, zero: float
) -> None:
    clock = StreamClock()
    jitter[0] = 0.0
    for n, late in enumerate(jitter):
        true = 1000 + n / 30
        captured = clock.captured(zero + n / 30 * (1 + drift), true + late)
        assert captured <= true + late
        assert abs(captured - true) < 1e-2


def test_a_camera_that_sets_its_clock_is_believed_again() -> None:
    clock = StreamClock()
    assert clock.captured(100.0, 10.0) == 10.0
    assert clock.captured(100.1, 10.3) == pytest.approx(10.1, abs=1e-3)
    assert clock.captured(5.0, 10.4) == 10.4  # back
    assert clock.captured(5.1, 10.5) == pytest.approx(10.5)
    assert clock.captured(900.0, 10.6) == 10.6  # ahead
    assert clock.captured(900.1, 30.0) == 30.0  # it stood still
    assert clock.captured(None, 31.0) == 31.0
