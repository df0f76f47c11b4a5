"""A server that answers with whatever it is given."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from contextlib import suppress

FIRST = 0.5  # seconds for a client to ask, and to take the answer


class BrokenServer:
    """Sends `answers`, one for each thing that is asked, the last of them again and again.

    A connection has `replies` of them, then it is closed, or held open for `hold` seconds.
    """

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.replies = 1
        self.hold = 0.0
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    outer._converse(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def _converse(self, client: socket.socket) -> None:
        client.settimeout(FIRST)
        for _ in range(self.replies):
            if not client.recv(1 << 16):
                return
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            client.sendall(answer)
        if self.hold:
            ends = time.monotonic() + self.hold
            while time.monotonic() < ends and not self._over.is_set():
                client.settimeout(max(0.01, min(0.1, ends - time.monotonic())))
                try:
                    if not client.recv(1 << 16):
                        return
                except TimeoutError:
                    continue

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
