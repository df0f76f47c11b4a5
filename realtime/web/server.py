"""The web server: one event loop on a thread of its own, fed from the main thread."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from importlib.resources import files
from threading import Lock

from aiohttp import WSMsgType, hdrs, web
from aiohttp.typedefs import Handler

from realtime.drawing.reprojection import Reprojection
from realtime.types.errors import SettingsError
from realtime.types.results import Result
from realtime.types.view_mode import Shown, view_modes
from realtime.web.auth import Authentication
from realtime.web.connections import (
    CLOSING_SECONDS,
    ConnectionLimit,
    add_headers,
    quiet_logger,
    send_all,
    transport_of,
)
from realtime.web.extension import Extension
from realtime.web.mailbox import Mailbox
from realtime.web.metrics import Metrics
from realtime.web.pictures.looks import NEXT_PART, How, Look
from realtime.web.pictures.painter import Painter
from realtime.web.recording import MAX_READERS, send_recording
from realtime.web.replay import RUN_OVER, Replay
from realtime.web.space_json import space_line, space_page
from realtime.writing.header import Header

MAX_RESULTS = 8  # results on their way to the loop
MAX_LINES = 64  # lines that wait for a client; a slower one misses the oldest
HEARTBEAT_SECONDS = 10.0  # without an answer, after which a client is let go


class Server:
    """Serves results until it is stopped. `put` and `stop` are for other threads, `run` is one.

    What clients do has no way back to `put`: it leaves the result and goes. extension: further
    pages.
    """

    def __init__(
        self,
        listener: socket.socket,
        token: str | None,
        header: Header,
        shown: Shown,
        clock: Callable[[], float] = time.monotonic,
        *,
        space: str | None = None,
        replay: Replay | None = None,
        bodies: Reprojection | None = None,
        required: Sequence[str] | None = None,
        extension: Extension | None = None,
    ) -> None:
        self._extension = extension
        self._listener = listener
        self._authentication = Authentication(token)
        self.header = header.line.encode()  # what readers of lines get first
        self._space = space.encode() if space else None
        self._replay = replay
        self._shown = shown
        self._clock, self._names = clock, header.names
        self._metrics = Metrics(header.model, header.names, required)
        page = files("realtime.web") / "page.html"
        self._page, self._space_page = page.read_text(encoding="utf-8"), space_page()
        self._loop = asyncio.new_event_loop()
        self._lock = Lock()
        self._waiting: deque[tuple[Result, Sequence[bytes], float]] = deque(maxlen=MAX_RESULTS)
        # From here on for the loop alone.
        self._stopping = asyncio.Event()
        self._painter = Painter(shown, bodies)
        self._few = asyncio.Semaphore(MAX_READERS)  # read the recording
        self._readers: set[Mailbox] = set()
        self._onlookers: set[Mailbox] = set()  # of the 3D people
        self._lookers: set[Mailbox] = set()  # at pictures

    @property
    def read(self) -> bool:
        """Whether somebody reads the lines of results."""
        return bool(self._readers)

    def put(self, result: Result, lines: Sequence[bytes] = ()) -> None:
        """Hand a result over, with its lines of JSON where they are `read`; it never waits."""
        with self._lock:
            wake = not self._waiting
            self._waiting.append((result, lines, self._clock()))
        if wake:
            self._call(self._take)

    def tell_failure(self, sentence: str) -> None:
        """An output has failed."""
        self._metrics.failed.append(sentence)

    def stop(self) -> None:
        """End `run`, and with it every connection, in a second at most."""
        self._call(self._stopping.set)

    def end(self) -> None:
        """There are no more results: pages may replay the 3D people."""
        self._call(self._end)

    def _end(self) -> None:
        self._take()
        self._metrics.ended = True
        if self._replay is not None:
            self._replay.over = True
            for box in self._onlookers:
                box.put(RUN_OVER)

    def run(self) -> None:
        """Serve; everything is closed when it returns."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def _call(self, what: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(what)

    async def _serve(self) -> None:
        app = web.Application(middlewares=[self._authenticated])
        app.on_response_prepare.append(add_headers)
        app.router.add_get("/", self._get_page)
        app.router.add_get("/ws", self._get_lines)
        app.router.add_get("/space", self._get_space_page)
        app.router.add_get("/space/ws", self._get_space)
        app.router.add_get("/space/recording", self._get_recording)
        app.router.add_get("/pictures", self._get_pictures)
        app.router.add_get("/frames", self._get_frames)
        app.router.add_get(r"/video/{view:\d{1,3}}", self._get_video)
        app.router.add_get("/video", self._get_video)
        app.router.add_get("/views", self._get_views)
        app.router.add_get("/figures", self._get_figures)
        app.router.add_get("/metrics", self._get_metrics)
        app.router.add_get("/healthz", self._get_health)
        if self._extension is not None:
            self._extension.add_routes(app.router)
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=quiet_logger(),
            handler_cancellation=True,
            shutdown_timeout=CLOSING_SECONDS,
            keepalive_timeout=HEARTBEAT_SECONDS,
        )
        await runner.setup()
        painting = asyncio.create_task(self._painter.run())
        stopping = asyncio.create_task(self._stopping.wait())
        assert runner.server is not None
        door = partial(ConnectionLimit, runner.server)
        server = await self._loop.create_server(door, sock=self._listener)
        try:
            await asyncio.wait([painting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if painting.done():
                painting.result()
        finally:
            painting.cancel()
            stopping.cancel()
            server.close()
            self._take()
            for box in self._clients():
                box.close()
            await runner.cleanup()
            if self._extension is not None:
                await self._extension.close()

    def _take(self) -> None:
        """All results that wait."""
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
        for result, lines, now in waiting:
            self._metrics.add(result, now)
            for line in lines if self._readers else ():
                for box in self._readers:
                    box.put(line)
            if (self._onlookers or self._replay) and result.poses3d is not None:
                people = space_line(result).encode()
                if self._replay is not None:
                    self._replay.add(people)
                for box in self._onlookers:
                    box.put(people)
        if waiting:
            self._painter.show(waiting[-1][0])

    def _clients(self) -> list[Mailbox]:
        return [*self._readers, *self._onlookers, *self._lookers]

    @contextmanager
    def _joined(
        self, group: set[Mailbox], capacity: int, transport: asyncio.Transport
    ) -> Iterator[Mailbox]:
        """A mailbox while a client is there."""
        box = Mailbox(capacity)
        group.add(box)
        try:
            yield box
        finally:
            group.discard(box)
            # A client that does not take what it was sent would hold the connection for ever.
            if transport.get_write_buffer_size():
                transport.abort()

    @contextmanager
    def _looking(self, look: Look, transport: asyncio.Transport) -> Iterator[Mailbox]:
        """A mailbox while a client looks: of pictures the newest of each source is enough."""
        capacity = len(look.wishes) if look.how == "pictures" else 1
        with (
            self._joined(self._lookers, capacity, transport) as box,
            self._painter.looking(look, box),
        ):
            yield box

    def _look(self, how: How, request: web.Request, numbers: Sequence[int]) -> Look:
        """What a request asks for."""
        try:
            return Look.read(how, request.query, self._shown, numbers)
        except SettingsError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        public = self._extension is not None and self._extension.public(request.path)
        await self._authentication.check(request, public=public)
        return await handler(request)

    async def _get_page(self, _: web.Request) -> web.Response:
        return web.Response(text=self._page, content_type="text/html")

    async def _get_space_page(self, _: web.Request) -> web.Response:
        return web.Response(text=self._space_page, content_type="text/html")

    async def _get_space(self, request: web.Request) -> web.WebSocketResponse:
        """The cameras and the skeleton, then a line for each instant: the 3D people."""
        if self._space is None:
            raise web.HTTPNotFound(text="There are no 3D people without --rig.\n")
        over = [RUN_OVER] if self._replay is not None and self._replay.over else []
        first = self._space, *over
        return await self._follow(request, self._onlookers, *first)

    async def _get_recording(self, request: web.Request) -> web.StreamResponse:
        """All lines of the 3D people, when the run is over."""
        if self._replay is None:
            raise web.HTTPNotFound(text="There is no recording to replay.\n")
        return await send_recording(request, self._replay, self._few, HEARTBEAT_SECONDS)

    async def _get_views(self, _: web.Request) -> web.Response:
        keypoints = self._shown.keypoints
        names = [mode.name(keypoints) for mode in view_modes(keypoints)]
        return web.Response(text=json.dumps(names), content_type="application/json")

    async def _get_figures(self, _: web.Request) -> web.Response:
        return web.Response(text=self._metrics.page(self._clock()), content_type="application/json")

    async def _get_metrics(self, _: web.Request) -> web.Response:
        looks = self._painter.looks.items()
        video = sum(count for look, count in looks if look.how == "stream")
        pages = sum(count for look, count in looks if look.how != "stream")
        clients = {"ws": len(self._readers), "pictures": pages, "video": video}
        text = self._metrics.metrics(self._clock(), clients)
        return web.Response(
            body=text.encode(), headers={hdrs.CONTENT_TYPE: "text/plain; version=0.0.4"}
        )

    async def _get_health(self, _: web.Request) -> web.Response:
        now = self._clock()
        return web.Response(
            text=self._metrics.health_page(now),
            status=503 if self._metrics.health(now) else 200,
            content_type="application/json",
        )

    async def _get_video(self, request: web.Request) -> web.StreamResponse:
        """Pictures, each in place of the one before (multipart/x-mixed-replace).

        ?view= and ?people3d= are the watcher's own; without them the picture is as in the run.
        """
        view = int(request.match_info.get("view", 0))
        if view >= len(self._names):
            raise web.HTTPNotFound(text=f"There are {len(self._names)} pictures.\n")
        look = self._look("stream", request, [view])
        transport = transport_of(request)
        response = web.StreamResponse(
            headers={hdrs.CONTENT_TYPE: "multipart/x-mixed-replace; boundary=frame"}
        )
        await response.prepare(request)
        with (
            suppress(ConnectionError, TimeoutError),
            self._looking(look, transport) as box,
        ):
            await response.write(NEXT_PART[2:])
            async for picture in box:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await response.write(picture)
        return response

    async def _get_lines(self, request: web.Request) -> web.WebSocketResponse:
        """The header, then a line a frame."""
        return await self._follow(request, self._readers, self.header)

    async def _get_pictures(self, request: web.Request) -> web.WebSocketResponse:
        """Pictures of all views on one connection, of which browsers allow but six: two bytes that
        number the view, then the JPEG. ?view= and ?people3d= as for /video.
        """
        return await self._show("pictures", request)

    async def _get_frames(self, request: web.Request) -> web.WebSocketResponse:
        """The same, all views of a frame in a message, with their people beside them."""
        return await self._show("frames", request)

    async def _show(self, how: How, request: web.Request) -> web.WebSocketResponse:
        look = self._look(how, request, range(len(self._names)))
        return await self._send(
            request, WSMsgType.BINARY, lambda transport: self._looking(look, transport)
        )

    async def _follow(
        self, request: web.Request, group: set[Mailbox], *first: bytes
    ) -> web.WebSocketResponse:
        """Lines that come for the group."""

        @contextmanager
        def join(transport: asyncio.Transport) -> Iterator[Mailbox]:
            with self._joined(group, MAX_LINES, transport) as box:
                for item in first:
                    box.put(item)
                yield box

        return await self._send(request, WSMsgType.TEXT, join)

    async def _send(
        self,
        request: web.Request,
        kind: WSMsgType,
        join: Callable[[asyncio.Transport], AbstractContextManager[Mailbox]],
    ) -> web.WebSocketResponse:
        """Send what comes for the mailbox; what the client says is not listened to."""
        transport = transport_of(request)
        ws = web.WebSocketResponse(
            timeout=CLOSING_SECONDS, heartbeat=HEARTBEAT_SECONDS, compress=False, max_msg_size=4096
        )
        try:
            await ws.prepare(request)
        except ValueError as error:  # aiohttp's of a Sec-WebSocket-Key that is not ASCII
            raise web.HTTPBadRequest(text="This is not a WebSocket handshake.\n") from error
        with join(transport) as box:
            sending = asyncio.create_task(send_all(ws, box, kind, transport))
            try:
                async for _ in ws:
                    pass
            finally:
                sending.cancel()
        return ws
