"""HTTP requests that no browser sends, to the web server of a run."""

from __future__ import annotations

import re
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from urllib.parse import quote_from_bytes

import pytest

from tests.fuzz.mutate import TEXTS, damage
from tests.fuzz.worker import Finding
from tests.realtime.results import result, tracks
from tests.realtime.serving import TOKEN, serving
from tests.synth import person

PATHS = (
    "/",
    "/ws",
    "/pictures",
    "/frames",
    "/video",
    "/video/0",
    "/video/9",
    "/figures",
    "/metrics",
    "/healthz",
    "/space",
    "/space/ws",
    "/space/recording",
    "/x",
)
QUERIES = (
    *(
        "token",
        f"token={TOKEN}",
        "token=",
        "token=%ff",
        f"token={TOKEN}&token=x",
        "a=b",
        "&&=",
        "%",
    ),
    *("token[]=x", f"TOKEN={TOKEN}", f"token={TOKEN}%00", "token=" + "a" * 9000, "a=b;token=x"),
)
HEADERS = (
    *(
        "Host: localhost",
        "Host: 127.0.0.1:1",
        "Host: evil.example",
        "Host:",
        "Host: [::1",
        "Host: ::",
    ),
    *("Origin: http://evil.example", "Origin: null", "Origin: http://[", "Connection: close"),
    *(f"Authorization: Bearer {TOKEN}", "Authorization: Bearer", "Authorization: Basic x", ": x"),
    *(
        "Content-Length: 5",
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "A" * 9000,
    ),
    *("Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Content-Encoding: gzip"),
    *("Expect: 100-continue", "Expect: x", "Range: bytes=0-", "Upgrade: websocket", "Upgrade: h2c"),
    *("Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
    *(
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Key: é",
        "Sec-WebSocket-Key: x",
    ),
    *(
        "Sec-WebSocket-Extensions: permessage-deflate",
        "Sec-WebSocket-Protocol: a, b",
        "Cookie: a=b;",
    ),
    *("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"),
    *("Accept-Encoding: gzip", "If-None-Match: *", "X: " + "b" * 20_000, "Content-Type: a/b; c=d"),
)
METHODS = (*("GET",) * 8, "HEAD", "POST", "OPTIONS", "PUT", "CONNECT", "TRACE", "PRI", "get", "é")
PAUSE = 0.05  # seconds for an answer to begin; half a request has none
ANSWER = 5.0  # seconds for each answer, and for the end of the connection


class Kind:
    share = 1200
    limit = 20.0
    speaks = ""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        # All come from one address, whose wrong guesses would make the others wait.
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("realtime.web.auth.GUESS_SECONDS", 0.0)
        servers = [self._stack.enter_context(serving(token)) for token in (None, TOKEN)]
        self._sinks = [sink for sink, _ in servers]
        self._count = 0

    def case(self, rng: Random) -> bool:
        self.show()
        place = rng.randrange(2)
        status = exchange(self.port(place), _request(rng))
        if status is not None and status >= 500 and status not in (501, 505):
            raise Finding(f"answered {status}")
        self.check(place)
        return status is not None and status < 400

    def show(self) -> None:
        """A result, so that there is something to look at."""
        self._count += 1
        one = result(tracks([person((100, 90), 120)]), index=self._count)
        for sink in self._sinks:
            sink.write(one)

    def port(self, place: int) -> int:
        return self._sinks[place].address.port

    def check(self, place: int) -> None:
        """The others are served as before."""
        asked = (
            f"GET /healthz?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        if not any(exchange(self.port(place), asked.encode()) == 200 for _ in range(3)):
            raise Finding("others are not served any more")

    def close(self) -> None:
        self._stack.close()


def exchange(port: int, *parts: bytes) -> int | None:
    """Send the parts, each when the one before was answered, then hang up one way and read to the
    end: the status of the first answer, None without any.
    """
    answer = bytearray()
    ends = time.monotonic() + ANSWER
    with socket.create_connection(("127.0.0.1", port)) as one, suppress(ConnectionError):
        for part in parts:
            one.settimeout(ANSWER)
            one.sendall(part)
            one.settimeout(PAUSE if part is parts[-1] else ANSWER)
            with suppress(TimeoutError):
                answer += one.recv(1 << 16)
        one.settimeout(ANSWER)
        with suppress(OSError):  # it hung up first
            one.shutdown(socket.SHUT_WR)
        try:
            while got := one.recv(1 << 16):
                answer += got
                if time.monotonic() > ends:
                    raise Finding(f"goes on sending to one who hung up: {bytes(answer[:200])!r}")
        except TimeoutError as error:
            raise Finding(f"keeps a connection that hung up: {bytes(answer[:200])!r}") from error
    found = re.match(rb"HTTP/[0-9]\.[0-9] ([0-9]{3}) ", answer)
    if answer and not found:
        raise Finding(f"answered {bytes(answer[:200])!r}")
    return int(found[1]) if found else None


def _request(rng: Random) -> bytes:
    path = rng.choice(PATHS)
    if rng.random() < 0.3:
        path += rng.choice(("/..", "//", "%2f", "%00", "%ff", "/999", "\\", "#x", "é", "?"))
    if rng.random() < 0.7:
        text = rng.choice((*QUERIES, *TEXTS)).encode(errors="surrogatepass")
        path += (
            "?"
            + rng.choice(("", "", f"token={TOKEN}&"))
            + (quote_from_bytes(text) if rng.random() < 0.5 else text.decode("latin-1"))
        )
    headers = ["Host: localhost"] if rng.random() < 0.8 else []
    headers += [rng.choice(HEADERS) for _ in range(rng.choice((0, 0, 1, 2, 6)))]
    version = rng.choice(("HTTP/1.1",) * 6 + ("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.1x", ""))
    lines = [f"{rng.choice(METHODS)} {path} {version}", *headers, "", ""]
    data = rng.choice(("\r\n",) * 8 + ("\n",)).join(lines).encode("latin-1", "replace")
    data += rng.choice((b"",) * 6 + (b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffff\r\n"))
    match rng.randrange(8):
        case 0:
            return damage(rng, data)
        case 1:
            return data * rng.randint(2, 20)  # one behind the other
        case 2 if rng.random() < 0.3:
            return rng.randbytes(rng.choice((1, 10, 10_000)))
    return data
