"""Another computer's clock on ours, over networks whose delays are known."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.nodes.clock_offset import ClockOffset, Exchange

AHEAD = 0.3
WORK = 0.002  # seconds that the other computer takes to answer


def exchange(asked: float, there: float, back: float, ahead: float = AHEAD) -> Exchange:
    received = asked + there + ahead
    return Exchange(asked, received, received + WORK, asked + there + WORK + back)


def test_equal_ways_give_the_very_offset() -> None:
    clock = ClockOffset()
    clock.add(exchange(10, 0.02, 0.02))
    assert clock.best(11).offset == pytest.approx(AHEAD)
    assert clock.best(11).round_trip == pytest.approx(0.04)
    assert clock.ours(500 + AHEAD, 11) == pytest.approx(500)
    with pytest.raises(ValueError, match="empty"):
        ClockOffset().best(0)


@pytest.mark.parametrize("seed", range(20))
def test_a_network_of_uneven_delays_is_seen_through(seed: int) -> None:
    """Each way takes 2 ms and a wait that is 10 ms on average: the bound always holds, and the
    least round trip of a minute is within 5 ms.
    """
    rng = np.random.default_rng(seed)
    clock = ClockOffset()
    for second in range(60):
        there, back = 0.002 + rng.exponential(0.01, 2)
        clock.add(exchange(second, there, back))
        now = second + 0.5
        assert abs(clock.best(now).offset - AHEAD) <= clock.error(now)
    assert abs(clock.best(60).offset - AHEAD) < 0.005


def test_a_clock_that_drifts_is_followed() -> None:
    """50 ppm over ten minutes are 30 ms, of which none may be left."""
    clock = ClockOffset()
    for second in range(600):
        clock.add(exchange(second, 0.001, 0.001, AHEAD + 5e-5 * second))
        now = second + 0.5
        assert abs(clock.best(now).offset - (AHEAD + 5e-5 * now)) <= clock.error(now)
    assert clock.best(600).offset == pytest.approx(AHEAD + 5e-5 * 600, abs=0.001)


def test_an_old_exchange_is_believed_less_with_time() -> None:
    clock = ClockOffset()
    clock.add(exchange(0, 0.001, 0.001))
    clock.add(exchange(30, 0.003, 0.003))
    assert clock.best(5).asked == 0
    assert clock.best(60).asked == 30
