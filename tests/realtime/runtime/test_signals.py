"""Ctrl-C while a frame is being written."""

from __future__ import annotations

import signal
import threading
from typing import Any, Self

import pytest

from realtime.runtime.signals import DEFERRED_SIGNALS, deferred_signals
from realtime.sinks.together import Together
from realtime.types.results import Result

pytestmark = pytest.mark.own_process


class Struck:
    """A sink in the middle of whose write signals come."""

    def __init__(self, *signals: signal.Signals) -> None:
        self.signals = signals
        self.written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, result: Result) -> None:
        for one in self.signals:
            signal.raise_signal(one)
        self.written += 1


class StruckWindow(Struck):
    """One that may wait in its write for as long as the user likes."""

    def idle(self) -> None:
        pass


def written(*sinks: Struck, until: type[BaseException] = KeyboardInterrupt) -> list[int]:
    nothing: Any = None
    with Together(sinks) as together, pytest.raises(until):
        together.write(nothing)
    return [sink.written for sink in sinks]


def test_every_file_has_the_frame_before_ctrl_c_ends_the_run() -> None:
    assert written(Struck(), Struck(signal.SIGINT), Struck()) == [1, 1, 1]


def test_a_second_ctrl_c_does_not_wait() -> None:
    assert written(Struck(), Struck(signal.SIGINT, signal.SIGINT), Struck()) == [1, 0, 0]


def test_a_window_in_pause_does_not_hold_ctrl_c_back() -> None:
    assert written(Struck(), StruckWindow(signal.SIGINT), Struck()) == [1, 0, 0]


def test_a_services_stop_waits_like_ctrl_c() -> None:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as run.py does
    try:
        assert written(Struck(signal.SIGTERM), Struck()) == [1, 1]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_handlers_are_as_before() -> None:
    before = [signal.getsignal(one) for one in DEFERRED_SIGNALS]
    with deferred_signals():
        pass
    with pytest.raises(ZeroDivisionError), deferred_signals():
        _ = 1 / 0
    assert [signal.getsignal(one) for one in DEFERRED_SIGNALS] == before


def test_other_threads_can_write_too() -> None:
    sink = Struck()
    nothing: Any = None

    def write() -> None:
        with Together([sink]) as together:
            together.write(nothing)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert sink.written == 1
