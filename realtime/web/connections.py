"""Connections of the web server: how many, what goes over them, and what is not worth a log."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import WSMsgType, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import ws_logger

from realtime.web.auth import SECURITY_HEADERS
from realtime.web.mailbox import Mailbox

CLOSING_SECONDS = 0.5  # for clients to take the last lines and to say good-bye
POLICY = "Content-Security-Policy"
MAX_CONNECTIONS = 200  # at a time, lest strangers use up the files that the run may open


class ConnectionLimit(asyncio.Protocol):
    """Hands a new connection to the server; ends it where there are MAX_CONNECTIONS already."""

    def __init__(self, server: web.Server) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if len(self._server.connections) >= MAX_CONNECTIONS:
            transport.close()
            return
        handler = self._server()
        transport.set_protocol(handler)
        handler.connection_made(transport)


def transport_of(request: web.Request) -> asyncio.Transport:
    if request.transport is None:
        raise ConnectionResetError
    return request.transport


async def send_all(
    ws: web.WebSocketResponse, box: Mailbox, kind: WSMsgType, transport: asyncio.Transport
) -> None:
    try:
        async for item in box:
            await ws.send_frame(item, kind)  # the heartbeat ends a wait without end
        async with asyncio.timeout(CLOSING_SECONDS):
            await ws.close(code=1001, message=b"the run has ended")
    except (ConnectionError, TimeoutError):
        transport.abort()


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Those of security; a page may have a policy of its own."""
    own = response.headers.get(POLICY, SECURITY_HEADERS[POLICY])
    response.headers.update({**SECURITY_HEADERS, POLICY: own})


def quiet_logger() -> logging.Logger:
    """Defects are logged; what strangers send that is not HTTP is their own affair, and so are
    the subprotocols that they ask for.
    """
    ws_logger.setLevel(logging.ERROR)
    logger = logging.getLogger("posestream.web")
    logger.filters = [_is_ours]
    return logger


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | web.RequestPayloadError | ConnectionError)
