"""The run's own web server in virtual time, and its clients, who come, stall and leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import pytest
from aiohttp import WSMsgType

from calibration.geometry.camera import Rig
from realtime.sinks.screens.web_sink import WebSink
from realtime.types.results import Result
from realtime.web.address import Address
from realtime.web.server import HEARTBEAT_SECONDS, MAX_LINES, Server
from tests.day.cameras import SKELETON
from tests.realtime.results import header
from tests.virtual import Condition, World

MAX_CLIENTS = 8


class Loop(asyncio.BaseEventLoop):
    """An event loop without sockets, whose clock and whose waits are the world's."""

    def __init__(self, world: World) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._world = world
        self._selector = self
        self._woken = False
        self._changed = Condition(world)

    def time(self) -> float:
        return self._world.now

    def select(self, timeout: float | None) -> list[object]:
        if not self._woken and timeout != 0:
            self._changed.wait(timeout)
        self._woken = False
        return []

    def _process_events(self, events: list[object]) -> None: ...

    def _write_to_self(self) -> None:
        self._woken = True
        self._changed.notify_all()

    async def create_server(self, *_: Any, **__: Any) -> Any:
        return Door()


class Door:
    """In place of a listening socket."""

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 8080

    def close(self) -> None: ...


class Client:
    """A request, its connection and its socket at once. lines: what was taken, first the header."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.gone, self.flowing = asyncio.Event(), asyncio.Event()
        self.flowing.set()
        self.stalled = False  # ever
        self.transport = self
        self.answered: asyncio.Future[Any] | None = None

    def get_write_buffer_size(self) -> int:
        return 0 if self.flowing.is_set() else 1

    def abort(self) -> None:
        self.gone.set()


class Socket:
    """What aiohttp has for a WebSocket; who does not answer is let go after its heartbeat."""

    def __init__(self, **_: object) -> None: ...

    async def prepare(self, client: Client) -> None:
        self._client = client

    async def send_frame(self, item: bytes, _: WSMsgType) -> None:
        client = self._client
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await client.flowing.wait()
        except TimeoutError:
            client.gone.set()
        if client.gone.is_set():
            raise ConnectionResetError
        client.lines.append(item.decode())

    async def close(self, **_: object) -> None:
        await self._client.flowing.wait()
        self._client.gone.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> None:
        await self._client.gone.wait()
        raise StopAsyncIteration


class Served:
    """The sink, in front of which results are noted; `visit` is for another thread."""

    def __init__(self, world: World, names: Sequence[str], rig: Rig) -> None:
        self._world = world
        head = header(SKELETON, names, rig)
        self._sink = WebSink(Address("127.0.0.1", 0), None, head, announce=False)
        self.clients: list[tuple[Client, bool]] = []  # and whether they look at the 3D people
        self._written: list[tuple[str, int]] = []  # source and index of all lines
        self._instants: list[float] = []
        self.came: dict[str, float] = {}  # when the newest frame of each camera did

    def __enter__(self) -> Self:
        self._sink.__enter__()
        return self

    def __exit__(self, *end: Any) -> None:
        self._sink.__exit__(*end)
        assert not self._server._clients(), "a client is left when the run has ended"
        for client, in_3d in self.clients:
            self._check(client, in_3d)

    def write(self, result: Result) -> None:
        for view in filter(None, result.views):
            self.came[view.frame.camera] = self._world.now
            self._written.append((view.frame.camera, view.frame.index))
        self._instants.append(round(result.time, 6))
        self._sink.write(result)

    def tell_failure(self, sentence: str) -> None:
        self._sink.tell_failure(sentence)

    @property
    def _server(self) -> Server:
        assert self._sink._server is not None
        return self._sink._server

    def health(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._server._metrics.health_page(self._world.now))
        return told

    def visit(self) -> None:
        """Somebody comes, leaves, stops reading or goes on."""
        self._server._call(self._visit)

    def _visit(self) -> None:
        draw, server = self._world.random, self._server
        assert all(len(box._items) <= MAX_LINES for box in server._clients())
        there = [client for client, _ in self.clients if not client.gone.is_set()]
        assert len(server._clients()) <= MAX_CLIENTS
        if len(there) < MAX_CLIENTS and draw.random() < 0.5:
            client, in_3d = Client(), draw.random() < 0.3
            self.clients.append((client, in_3d))
            answer = server._get_space if in_3d else server._get_lines
            client.answered = asyncio.ensure_future(answer(client))  # type: ignore[arg-type]
        for client in there:
            if draw.random() < 0.2:
                client.gone.set()
            elif not client.flowing.is_set():
                client.flowing.set()
            elif draw.random() < 0.3:
                client.stalled = True
                client.flowing.clear()

    def _check(self, client: Client, in_3d: bool) -> None:
        """In order, none twice, and without a gap for whoever has always read."""
        if not client.lines:
            return
        lines = [json.loads(line) for line in client.lines[1:]]
        wanted: list[Any] = self._instants if in_3d else self._written
        got = [line["time"] if in_3d else (line["source"], line["index"]) for line in lines]
        places = [wanted.index(one) for one in got]
        assert places == sorted(set(places)), "lines out of order"
        if got and not client.stalled:
            assert len(got) == places[-1] - places[0] + 1, "lines are missing"


def install(world: World, patch: pytest.MonkeyPatch) -> None:
    """In place of sockets and of the system's clock."""
    patch.setattr("asyncio.new_event_loop", partial(Loop, world))
    patch.setattr("realtime.web.server.web.WebSocketResponse", Socket)
    patch.setattr("realtime.sinks.screens.web_sink.listen", lambda _: Door())
    patch.setattr("realtime.sinks.screens.web_sink.Server", partial(Server, clock=world.clock))
