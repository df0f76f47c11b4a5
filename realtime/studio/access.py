"""Who may change something: whoever has the token, from the studio's own page or a program."""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from realtime.web.auth import Guesses

TOKEN_BYTES = 16
OWN_HEADER = "X-Posestream"  # browsers let no page of another site send it


def new_token() -> str:
    """For a run whose user gave none."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Access:
    """Asks for the token on every request, also on loopback, where other users of the computer and
    pages of other sites could send some. token: what the printed address has.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._guesses = Guesses()

    async def check(self, request: web.BaseRequest) -> None:
        """HTTPUnauthorized or HTTPForbidden unless the request may pass.

        What changes something (any method but GET) has its token in a header, where no link and no
        form can put it, a header of our own, and comes from a page of this server if from any.
        """
        changes = request.method not in (hdrs.METH_GET, hdrs.METH_HEAD)
        given = request.headers.get(hdrs.AUTHORIZATION, "").removeprefix("Bearer ")
        if not changes and not given:
            given = request.query.get("token", "")
        if not given or not await self._guesses.right(
            request.remote or "", lambda: hmac.compare_digest(given.encode(), self._token.encode())
        ):
            raise web.HTTPUnauthorized(
                headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
                text="The studio needs its token: open the address that the program has printed.\n",
            )
        if not changes:
            return
        if request.headers.get(OWN_HEADER) != "studio":
            raise web.HTTPForbidden(text=f"Send the header {OWN_HEADER}: studio.\n")
        host = request.headers.get(hdrs.HOST, "").lower()
        origin = request.headers.get(hdrs.ORIGIN)
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if site != "same-origin" or (origin is not None and _host_of(origin) != host):
            raise web.HTTPForbidden(text="Pages of other sites cannot change anything here.\n")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
