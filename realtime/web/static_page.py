"""One page for this computer alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from realtime.web.address import Address, listen
from realtime.web.auth import Authentication
from realtime.web.connections import add_headers, quiet_logger


def serve_page(page: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve it on 127.0.0.1 until KeyboardInterrupt; port 0 is any free one.

    ready: told the address once it can be opened. OutputError where the port cannot be had.
    """
    listener = listen(Address("127.0.0.1", port), f"--port {port}")
    authentication = Authentication(None)

    @web.middleware
    async def authenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
        await authentication.check(request)
        return await handler(request)

    async def get(_: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html")

    async def serve() -> None:
        app = web.Application(middlewares=[authenticated])
        app.on_response_prepare.append(add_headers)
        app.router.add_get("/", get)
        runner = web.AppRunner(app, access_log=None, logger=quiet_logger(), shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            ready(f"http://127.0.0.1:{listener.getsockname()[1]}/")
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    with listener:
        asyncio.run(serve())
