"""WebSocket frames that break the protocol (RFC 6455), to the web server of a run."""

from __future__ import annotations

from random import Random

from tests.fuzz.kinds.requests import Kind as Served
from tests.fuzz.kinds.requests import exchange
from tests.fuzz.mutate import damage
from tests.fuzz.worker import Finding
from tests.realtime.serving import TOKEN

HANDSHAKE = (
    f"?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
)
EXTENSIONS = (
    *("", "", "", "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
    *("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n",),
    *("Sec-WebSocket-Protocol: \xe9\r\n", "Origin: http://localhost\r\n"),
)


class Kind(Served):
    share = 800

    def case(self, rng: Random) -> bool:
        self.show()
        place = rng.randrange(2)
        path = rng.choice(("/ws", "/pictures", "/frames"))
        head = f"GET {path}{HANDSHAKE}{rng.choice(EXTENSIONS)}\r\n".encode("latin-1")
        frames = b"".join(_frame(rng) for _ in range(rng.choice((1, 1, 2, 5, 50))))
        if rng.random() < 0.2:
            frames = damage(rng, frames)
        status = exchange(self.port(place), head, frames)
        if status not in (101, 400, 403):
            raise Finding(f"answered {status}")
        self.check(place)
        return status == 101


def _frame(rng: Random) -> bytes:
    """Any opcode, flags and length; the length may be a lie, the mask may lack."""
    payload = rng.choice((b"", b"hello", rng.randbytes(rng.choice((1, 125, 126, 5000, 70_000)))))
    length = len(payload)
    if rng.random() < 0.2:
        length = rng.choice((0, 1, 125, 126, 65535, 2**31, 2**63 - 1, 2**63, 2**64 - 1))
    first = rng.choice((0x80, 0x80, 0x80, 0, 0x40, 0xF0)) | rng.choice(
        (0, 1, 1, 2, 8, 8, 9, 9, 10, 3, 11, 15)
    )
    masked = 0x80 if rng.random() < 0.9 else 0
    if length < 126 and rng.random() < 0.9:
        head = bytes([first, masked | length])
    elif length < 65536 and rng.random() < 0.9:
        head = bytes([first, masked | 126]) + length.to_bytes(2, "big")
    else:
        head = bytes([first, masked | 127]) + length.to_bytes(8, "big")
    mask = rng.randbytes(4) if masked else b""
    return head + mask + payload
