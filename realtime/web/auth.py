"""Who is let in: by token, or on this computer by the names in the request."""

from __future__ import annotations

import hmac
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


class Authentication:
    """Refuses requests without the token. Where none is set, only this computer can connect.

    Even so a page from elsewhere that is open in its browser could: under a name that leads here
    (DNS rebinding: the Host is wrong), or by a WebSocket (the Origin is).
    """

    def __init__(self, token: str | None) -> None:
        self._token = token

    def check(self, request: web.BaseRequest) -> None:
        """HTTPUnauthorized or HTTPForbidden unless the request may pass."""
        if self._token is not None:
            given = request.headers.get(hdrs.AUTHORIZATION, "").removeprefix("Bearer ")
            given = given or request.query.get("token", "")
            if not hmac.compare_digest(_bytes(given), _bytes(self._token)):
                raise web.HTTPUnauthorized(
                    headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
                    text="A token is required; add ?token=... to the address.\n",
                )
            return
        host = request.headers.get(hdrs.HOST, "")
        if not is_loopback(_split(f"//{host}")[0]):
            raise web.HTTPForbidden(text="Open this as http://localhost or by its IP address.\n")
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and _split(origin)[1] != host.lower():
            raise web.HTTPForbidden(text="Pages of other sites cannot connect without a token.\n")


def _split(url: str) -> tuple[str, str]:
    """(host name, host:port), empty where it is no URL."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.netloc.lower()
    except ValueError:
        return "", ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
