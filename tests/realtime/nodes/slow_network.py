"""A network between a node and its reader: slow, lossy or standing still; it counts what it passes.

It needs no privileges and no kernel modules, as network namespaces and netem do.
"""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from realtime.runtime.channel import Channel

BUFFER = 4096  # of its sockets: a real network holds little
UNDER_WAY = 64  # pieces that a network with a delay holds
# How long all that comes after a lost packet waits for it: TCP's least wait before it sends one
# again on Linux, which is what a stream of small packets far apart has to wait for.
RESENT_SECONDS = 0.2


class SlowNetwork:
    """Takes connections at `port` and passes all on to the node's, while it flows.

    delay: seconds each way. loss: share of packets that are lost, and sent again by TCP.
    """

    def __init__(
        self, listener: socket.socket, target: int, delay: float = 0.0, loss: float = 0.0
    ) -> None:
        self._listener = listener
        self._target = target
        self._delay = delay
        self._loss = loss
        self._sockets: list[socket.socket] = []
        self._random = random.Random(1)
        self.port = int(listener.getsockname()[1])
        self.flows = Event()
        self.flows.set()
        self.passed = 0  # bytes from the node
        self.lost = 0  # packets

    def serve(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                reader, _ = self._listener.accept()
                node = socket.socket()
                node.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
                self._sockets += [reader, node]
                try:
                    node.connect(("127.0.0.1", self._target))
                except OSError:  # the node is not there
                    reader.close()
                    continue
                for one in (reader, node):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                Thread(target=self._pass, args=(reader, node), daemon=True).start()
                Thread(target=self._pass, args=(node, reader, True), daemon=True).start()

    def _pass(self, here: socket.socket, there: socket.socket, counted: bool = False) -> None:
        way: Channel[tuple[float, bytes]] = Channel(UNDER_WAY)
        if self._delay:
            Thread(target=self._arrive, args=(way, there), daemon=True).start()
        with suppress(OSError):
            while data := here.recv(BUFFER):
                self.passed += len(data) if counted else 0
                self.flows.wait()
                if self._delay:
                    way.put((time.monotonic() + self._delay, data))
                else:
                    there.sendall(data)
        way.close()
        for one in (here, there):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _arrive(self, way: Channel[tuple[float, bytes]], there: socket.socket) -> None:
        """In order: what is lost holds up all that is behind it."""
        with suppress(OSError):
            for due, data in way:
                if self._random.random() < self._loss:
                    self.lost += 1
                    due += RESENT_SECONDS
                time.sleep(max(0.0, due - time.monotonic()))
                there.sendall(data)

    def close(self) -> None:
        self.flows.set()
        for one in (self._listener, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def slow_network(target: int, delay: float = 0.0, loss: float = 0.0) -> Iterator[SlowNetwork]:
    listener = socket.create_server(("127.0.0.1", 0))
    network = SlowNetwork(listener, target, delay, loss)
    accepting = Thread(target=network.serve, daemon=True)
    accepting.start()
    try:
        yield network
    finally:
        network.close()
        accepting.join(5)
