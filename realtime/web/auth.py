"""Who is let in: by token, or on this computer by the names in the request."""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter, OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from realtime.web.address import is_loopback

# Other pages may neither frame what we serve nor load it; ours loads nothing from elsewhere.
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src data: blob:; connect-src 'self'; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "posestream",
    "X-Content-Type-Options": "nosniff",
}


GUESS_SECONDS = 0.5
MAX_WAITING_GUESSES = 20  # of one address
MAX_GUESSERS = 1000  # addresses that are remembered


class Authentication:
    """Refuses requests without the token. Where none is set, only this computer can connect.

    Even so a page from elsewhere that is open in its browser could: under a name that leads here
    (DNS rebinding: the Host is wrong), by a WebSocket (the Origin is), or as a picture or a script
    of its own (the browser says so).
    """

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._guesses = Guesses()

    async def check(self, request: web.BaseRequest, *, public: bool = False) -> None:
        """HTTPUnauthorized or HTTPForbidden unless the request may pass. public: it needs no token.

        A wrong token costs its address GUESS_SECONDS, during which no other of its is looked at.
        """
        if self._token is not None and public:
            _check_site(request)
            return
        if self._token is not None:
            # A proxy may have a password of its own, in the same header.
            header = request.headers.get(hdrs.AUTHORIZATION, "").removeprefix("Bearer ")
            given = [one for one in (request.query.get("token", ""), header) if one]
            if not given or not await self._guesses.right(request.remote or "", self._is(*given)):
                raise web.HTTPUnauthorized(
                    headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
                    text="A token is required; add ?token=... to the address.\n",
                )
            if request.headers.get("Sec-Fetch-Mode") != "websocket":  # a dashboard's
                _check_site(request)
            return
        host = request.headers.get(hdrs.HOST, "")
        if not is_loopback(_split(f"//{host}")[0]):
            raise web.HTTPForbidden(text="Open this as http://localhost or by its IP address.\n")
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and _split(origin)[1] != host.lower():
            raise web.HTTPForbidden(text="Pages of other sites cannot connect without a token.\n")
        _check_site(request)

    def _is(self, *given: str) -> Callable[[], bool]:
        """Whether one of them is the token; asked when it is this address's turn."""
        token = _bytes(self._token or "")
        return lambda: any(hmac.compare_digest(_bytes(one), token) for one in given)


class Guesses:
    """Makes each address that guessed wrong wait. For one event loop."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, asyncio.Lock] = OrderedDict()
        self._waiting: Counter[str] = Counter()

    async def right(self, address: str, check: Callable[[], bool]) -> bool:
        """Whether it is; HTTPTooManyRequests where too many of that address wait already."""
        turn = self._turns.get(address)
        if turn is None:
            if check():
                return True
            turn = self._turns[address] = asyncio.Lock()
            if len(self._turns) > MAX_GUESSERS:
                self._turns.popitem(last=False)
            async with turn:
                await asyncio.sleep(GUESS_SECONDS)
            return False
        if self._waiting[address] >= MAX_WAITING_GUESSES:
            raise web.HTTPTooManyRequests(
                headers={hdrs.RETRY_AFTER: "10"},
                text="Too many wrong tokens came from your address; try again later.\n",
            )
        self._waiting[address] += 1
        try:
            async with turn:
                if check():
                    self._turns.pop(address, None)
                    return True
                await asyncio.sleep(GUESS_SECONDS)
                return False
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]


def _check_site(request: web.BaseRequest) -> None:
    """HTTPForbidden for what a page of another site loads as a part of itself, which browsers say
    (Fetch Metadata). Whoever follows a link from there comes in.
    """
    link = request.headers.get("Sec-Fetch-Mode") == "navigate"
    opened = link and request.headers.get("Sec-Fetch-Dest", "document") == "document"
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and not opened:
        raise web.HTTPForbidden(text="Pages of other sites cannot show this.\n")


def _split(url: str) -> tuple[str, str]:
    """(host name, host:port), empty where it is no URL."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.netloc.lower()
    except ValueError:
        return "", ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
