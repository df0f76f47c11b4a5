"""What a page gets to play a run again, however long it was and whoever else asks for it."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator

import aiohttp
import pytest

from realtime.web.recording import MAX_READERS
from realtime.web.replay import Replay
from tests.realtime.serving import serving

LINES = [f'{{"n":{n},"more":"{"x" * 1600}"}}'.encode() for n in range(20_000)]  # 32 MB
CLIENTS = MAX_READERS + 4


class Watched(Replay):
    """Counts what each client has been given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: Counter[int] = Counter()

    def chunks(self) -> Iterator[bytes]:
        client = len(self.given)
        self.given[client] = 0
        for chunk in super().chunks():
            self.given[client] += len(chunk)
            yield chunk


def test_clients_that_do_not_read_cost_little_and_block_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A few are given anything at a time; those that take nothing are let go, and the next come."""
    monkeypatch.setattr("realtime.web.server.HEARTBEAT_SECONDS", 1.0)
    replay = Watched()
    for line in LINES:
        replay.add(line)
    idle = []
    with serving() as (sink, url):
        assert sink._server is not None
        sink._server._replay = replay
        for _ in range(CLIENTS):
            client = socket.create_connection(("127.0.0.1", sink.address.port))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"GET /space/recording HTTP/1.1\r\nHost: localhost\r\n\r\n")
            idle.append(client)

        async def read() -> bytes:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{url}/space/recording") as answer,
            ):
                assert answer.content_type == "application/x-ndjson"
                return await answer.read()

        assert asyncio.run(read()) == b"".join(line + b"\n" for line in LINES)
        for client in idle:
            client.close()
    given = sorted(replay.given.values())
    assert len(given) == CLIENTS + 1
    assert given[-1] == sum(map(len, LINES)) + len(LINES)
    assert given[-2] < given[-1] / 3  # what the system's own buffers take, and one chunk
