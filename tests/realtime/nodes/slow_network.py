"""A network between a node and its reader that can stand still, and counts what goes through."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

BUFFER = 4096  # of its sockets: a real network holds little


class SlowNetwork:
    """Takes connections at `port` and passes all on to the node's, while it flows."""

    def __init__(self, listener: socket.socket, target: int) -> None:
        self._listener = listener
        self._target = target
        self._sockets: list[socket.socket] = []
        self.port = int(listener.getsockname()[1])
        self.flows = Event()
        self.flows.set()
        self.passed = 0  # bytes from the node

    def serve(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                reader, _ = self._listener.accept()
                node = socket.socket()
                node.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
                node.connect(("127.0.0.1", self._target))
                self._sockets += [reader, node]
                Thread(target=self._pass, args=(reader, node), daemon=True).start()
                Thread(target=self._pass, args=(node, reader, True), daemon=True).start()

    def _pass(self, here: socket.socket, there: socket.socket, counted: bool = False) -> None:
        with suppress(OSError):
            while data := here.recv(BUFFER):
                self.passed += len(data) if counted else 0
                self.flows.wait()
                there.sendall(data)
        for one in (here, there):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.flows.set()
        for one in (self._listener, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def slow_network(target: int) -> Iterator[SlowNetwork]:
    network = SlowNetwork(socket.create_server(("127.0.0.1", 0)), target)
    accepting = Thread(target=network.serve, daemon=True)
    accepting.start()
    try:
        yield network
    finally:
        network.close()
        accepting.join(5)
