"""What pages get to play a run again, for a few at a time."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from realtime.web.connections import transport_of
from realtime.web.replay import Replay

MAX_READERS = 8  # at a time; others wait, at most until those that take nothing are let go


async def send_recording(
    request: web.Request, replay: Replay, few: asyncio.Semaphore, patience: float
) -> web.StreamResponse:
    """All lines of the 3D people: a chunk at a time, so that a client costs no more than that.

    patience: seconds after which one that takes nothing is let go.
    """
    transport = transport_of(request)
    async with few:
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "application/x-ndjson"})
        await response.prepare(request)
        try:
            for chunk in replay.chunks():
                async with asyncio.timeout(patience):
                    await response.write(chunk)
        except (ConnectionError, TimeoutError):
            transport.abort()
        return response
