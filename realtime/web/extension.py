"""What others add to the web server."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web


class Extension(Protocol):
    """Pages beside the server's own.

    add_routes: called once, on the server's loop. public: whether a path holds nothing of the run
    (scripts, styles), so that it needs no token. close: the server ends.
    """

    def add_routes(self, router: web.UrlDispatcher) -> None: ...
    def public(self, path: str) -> bool: ...
    async def close(self) -> None: ...
