"""Pictures as they come, in this computer's browser, and the keys that are pressed there."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from importlib.resources import files

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

from realtime.runtime.stages import Stages
from realtime.web.address import Address, listen
from realtime.web.auth import Authentication
from realtime.web.connections import (
    CLOSING_SECONDS,
    add_headers,
    quiet_logger,
    send_all,
    transport_of,
)
from realtime.web.mailbox import Mailbox

HEARTBEAT_SECONDS = 10.0  # without an answer, after which a browser is let go
MAX_KEYS = 16  # that wait


class LivePage:
    """A page at 127.0.0.1 until it is closed. OutputError where the port cannot be had; port 0 is
    any free one.

    url: what to open. watched: whether somebody looks.
    """

    def __init__(self, port: int) -> None:
        self._listener = listen(Address("127.0.0.1", port), f"--port {port}")
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._page = (files("realtime.web") / "live.html").read_text(encoding="utf-8")
        self._guard = Authentication(None)
        self._keys: deque[str] = deque(maxlen=MAX_KEYS)
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._boxes: set[Mailbox] = set()  # for the loop alone
        self._stages = Stages()
        self._stages.start("serve", self._run)

    @property
    def watched(self) -> bool:
        return bool(self._boxes)

    def put(self, jpeg: bytes) -> None:
        """Show this to all who look; it never waits."""
        self._call(jpeg)

    def key(self) -> str:
        """A key that was pressed, or nothing."""
        return self._keys.popleft() if self._keys else ""

    def close(self) -> None:
        """Say good-bye to all."""
        self._call(None)
        self._stages.__exit__(None, None, None)

    def _call(self, jpeg: bytes | None) -> None:
        with suppress(RuntimeError):  # the loop has ended
            if jpeg is None:
                self._loop.call_soon_threadsafe(self._stopping.set)
            else:
                self._loop.call_soon_threadsafe(self._give, jpeg)

    def _give(self, jpeg: bytes) -> None:
        for box in self._boxes:
            box.put(jpeg)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        app = web.Application(middlewares=[self._guarded])
        app.on_response_prepare.append(add_headers)
        app.router.add_get("/", self._get)
        app.router.add_get("/ws", self._talk)
        runner = web.AppRunner(
            app, access_log=None, logger=quiet_logger(), shutdown_timeout=CLOSING_SECONDS
        )
        await runner.setup()
        try:
            await web.SockSite(runner, self._listener).start()
            await self._stopping.wait()
        finally:
            for box in self._boxes:
                box.close()
            await runner.cleanup()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        await self._guard.check(request)
        return await handler(request)

    async def _get(self, _: web.Request) -> web.Response:
        return web.Response(text=self._page, content_type="text/html")

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        """Pictures go out, keys come in."""
        ws = web.WebSocketResponse(
            timeout=CLOSING_SECONDS, heartbeat=HEARTBEAT_SECONDS, compress=False, max_msg_size=64
        )
        try:
            await ws.prepare(request)
        except ValueError as error:  # aiohttp's of a Sec-WebSocket-Key that is not ASCII
            raise web.HTTPBadRequest(text="This is not a WebSocket handshake.\n") from error
        transport = transport_of(request)
        box = Mailbox(1)
        self._boxes.add(box)
        sending = asyncio.create_task(send_all(ws, box, WSMsgType.BINARY, transport))
        try:
            async for message in ws:
                if message.type is WSMsgType.TEXT:
                    self._keys.append(message.data[:1])
        finally:
            self._boxes.discard(box)
            sending.cancel()
        return ws
