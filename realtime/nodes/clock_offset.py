"""How far another computer's clock is from ours, by questions and answers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock

MAX_DRIFT = 1e-4  # seconds a second: crystals are within 50 ppm, so that two part by 100 at most
KEPT_EXCHANGES = 32  # half a minute at one a second: a busy moment of the network passes by


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer. asked, answered: on our clock. received, sent: on the other's."""

    asked: float
    received: float
    sent: float
    answered: float

    @property
    def round_trip(self) -> float:
        """Seconds on the way, there and back."""
        return max(0.0, (self.answered - self.asked) - (self.sent - self.received))

    @property
    def offset(self) -> float:
        """Seconds by which the other clock is ahead if both ways took as long."""
        return ((self.received - self.asked) + (self.sent - self.answered)) / 2


class ClockOffset:
    """The other clock by the best of the last exchanges (NTP's clock filter, RFC 5905, section 10).

    However unequal both ways were, an exchange is wrong by half of its round trip at most, and by
    the drift since then; the exchange for which that sum is least is believed. From any thread.
    """

    def __init__(self) -> None:
        self._exchanges: deque[Exchange] = deque(maxlen=KEPT_EXCHANGES)
        self._lock = Lock()

    def add(self, exchange: Exchange) -> None:
        """Take one more into account."""
        with self._lock:
            self._exchanges.append(exchange)

    def best(self, now: float) -> Exchange:
        """The exchange that is believed at `now`, on our clock; ValueError before the first."""
        with self._lock:
            return min(self._exchanges, key=lambda one: _error(one, now))

    def error(self, now: float) -> float:
        """Seconds by which the offset is wrong at most."""
        return _error(self.best(now), now)

    def ours(self, moment: float, now: float) -> float:
        """A moment of the other clock on ours."""
        return moment - self.best(now).offset


def _error(exchange: Exchange, now: float) -> float:
    return exchange.round_trip / 2 + MAX_DRIFT * max(0.0, now - exchange.answered)
