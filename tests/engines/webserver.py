"""A web server with the manners, good and bad, of those that weights are fetched from."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.waiting import PATIENCE


@dataclass
class Site:
    """What is served, how, and what was asked for.

    ranges: answer Range requests. cuts: after how many bytes of a body to hang up, for one request
    after the other. stall: wait for `go_on` instead of hanging up. errors: status codes to answer
    with first. lengths: announce them. redirect: headers of one, for every request.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    stall: bool = False
    errors: list[int] = field(default_factory=list)
    lengths: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    root: str = ""
    redirect: dict[str, str] = field(default_factory=dict)

    def url(self, name: str) -> str:
        return f"{self.root}/{name}"


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/")
            wanted = self.headers.get("Range")
            site.asked.append((name, wanted))
            if site.errors:
                self.send_error(site.errors.pop(0))
                return
            if site.redirect:
                self.send_response(302)
                for header, value in site.redirect.items():
                    self.send_header(header, value)
                self.end_headers()
                return
            if name not in site.files:
                self.send_error(404)
                return
            body = site.files[name]
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges else 0
            if start and start >= len(body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            if site.lengths:
                self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            cut = site.cuts.pop(0) if site.cuts else None
            body = body[start:][:cut]
            site.sent += len(body)  # before the client, and its test, can go on
            self.wfile.write(body)
            self.wfile.flush()
            if cut is not None and site.stall:
                site.stalled.set()
                site.go_on.wait(PATIENCE)

        def log_message(self, *words: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *who: object) -> None:
            pass  # a client that was killed

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        site.root = f"http://127.0.0.1:{server.server_port}"
        try:
            yield site
        finally:
            site.go_on.set()
            server.shutdown()
            thread.join(10)
