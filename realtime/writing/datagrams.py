"""Datagrams to another program, which nobody need receive."""

from __future__ import annotations

import socket
from contextlib import suppress

from realtime.types.errors import OutputError

MAX_BYTES = 65_507  # of a datagram over IPv4


class Datagrams:
    """Sends to HOST:PORT, and to the ports after it. OutputError where that is no address.

    Nothing waits for a receiver, and nobody hears of one that is not there.
    """

    def __init__(self, option: str, address: str) -> None:
        host, _, port = address.rpartition(":")
        try:
            found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
        except (OSError, ValueError) as error:
            raise OutputError(
                f"{option} {address} is not a valid address; write HOST:PORT, such as "
                "127.0.0.1:9000."
            ) from error
        family, kind, protocol, _, target = found[0]
        self._host, self._port, self._more = str(target[0]), int(target[1]), target[2:]
        self._socket = socket.socket(family, kind, protocol)
        self._socket.setblocking(False)

    def send(self, data: bytes, beyond: int = 0) -> None:
        """beyond: how many ports after the first. What is too large, or finds no room in the
        system's buffers, is left out: the next one is newer.
        """
        if len(data) <= MAX_BYTES:
            with suppress(OSError):
                self._socket.sendto(data, (self._host, self._port + beyond, *self._more))

    def close(self) -> None:
        """Nothing more will be sent."""
        self._socket.close()
