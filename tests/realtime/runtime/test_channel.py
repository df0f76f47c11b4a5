"""Channels between threads: order, ends, drops, and nobody left waiting."""

import threading
from collections.abc import Callable

import pytest

from realtime.runtime.channel import Aborted, Channel
from tests.waiting import PATIENCE, wait_for


def on_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def joined(thread: threading.Thread) -> bool:
    thread.join(PATIENCE)
    return not thread.is_alive()


def test_a_blocking_channel_loses_nothing_and_keeps_the_order() -> None:
    channel: Channel[int] = Channel(2)

    def send() -> None:
        for n in range(1000):
            channel.put(n)
        channel.close()

    sender = on_thread(send)
    assert list(channel) == list(range(1000))
    assert joined(sender)
    assert channel.dropped == 0


def test_a_full_blocking_channel_makes_the_sender_wait() -> None:
    channel: Channel[int] = Channel(1)
    sent: list[int] = []

    def send() -> None:
        for n in range(3):
            channel.put(n)
            sent.append(n)

    sender = on_thread(send)
    wait_for(lambda: sent)
    sender.join(0.2)  # in which it would send the next, if it did not wait
    assert sent == [0]
    items = iter(channel)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    assert joined(sender)


def test_drop_oldest_keeps_the_newest_and_counts() -> None:
    channel: Channel[int] = Channel(1, drop_oldest=True)
    for n in range(10):
        channel.put(n)
    channel.close()
    assert list(channel) == [9]
    assert channel.dropped == 9


def test_close_drains_and_wakes_a_waiting_reader() -> None:
    channel: Channel[int] = Channel(3)
    got: list[int] = []
    reader = on_thread(lambda: got.extend(channel))
    channel.put(1)
    channel.put(2)
    channel.close()
    assert joined(reader)
    assert got == [1, 2]


def test_abort_wakes_both_sides_at_once() -> None:
    full: Channel[int] = Channel(1)
    full.put(0)
    empty: Channel[int] = Channel(1)
    ended: list[str] = []

    def send() -> None:
        with pytest.raises(Aborted):
            full.put(1)
        ended.append("sender")

    def receive() -> None:
        with pytest.raises(Aborted):
            next(iter(empty))
        ended.append("reader")

    threads = [on_thread(send), on_thread(receive)]
    full.abort()
    empty.abort()
    assert all(joined(thread) for thread in threads)
    assert sorted(ended) == ["reader", "sender"]


def test_after_abort_nothing_goes_in_or_out() -> None:
    channel: Channel[int] = Channel(4)
    channel.put(1)
    channel.abort()
    with pytest.raises(Aborted):
        channel.put(2)
    with pytest.raises(Aborted):
        next(iter(channel))


def test_nothing_is_an_item_too() -> None:
    channel: Channel[None] = Channel(2)
    channel.put(None)
    channel.put(None)
    channel.close()
    assert list(channel) == [None, None]
