"""A run on the web, and clients that follow it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import aiohttp
import cv2
import numpy as np

from realtime.sinks.screens.web_sink import WebSink
from realtime.web.address import Address
from tests.realtime.results import header

TOKEN = "a-good-token"
HEADER = header().all


@contextmanager
def serving(
    token: str | None = None, sources: tuple[str, ...] = ("clip",)
) -> Iterator[tuple[WebSink, str]]:
    """A server that is ready, and its address."""
    sink = WebSink(Address("127.0.0.1", 0), token, header(names=sources), announce=False)
    with sink:
        yield sink, f"http://127.0.0.1:{sink.address.port}"


def play(
    work: Callable[[WebSink, aiohttp.ClientSession, str], Awaitable[None]],
    token: str | None = None,
    sources: tuple[str, ...] = ("clip",),
) -> None:
    """Run `work(sink, client, url)` against a server."""

    async def visit() -> None:
        with serving(token, sources) as (sink, url):
            async with aiohttp.ClientSession() as client:
                await work(sink, client, url)

    asyncio.run(visit())


async def until(ready: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that another thread does; the test's timeout ends it."""
    while not await ready():
        await asyncio.sleep(0.01)


@asynccontextmanager
async def following(
    client: aiohttp.ClientSession, url: str, **more: object
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket that is let in: it has its header."""
    async with client.ws_connect(f"{url}/ws", **more) as ws:  # type: ignore[arg-type]
        assert json.loads(await ws.receive_str()) == HEADER
        yield ws


async def settles(value: Awaitable[object], wanted: object) -> bool:
    return await value == wanted


async def pictures(answer: aiohttp.ClientResponse) -> AsyncIterator[np.ndarray]:
    """The pictures of a multipart stream."""
    reader = aiohttp.MultipartReader.from_response(answer)
    while (part := await reader.next()) is not None:
        assert isinstance(part, aiohttp.BodyPartReader)
        data = np.frombuffer(bytes(await part.read()), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert image is not None
        yield image
