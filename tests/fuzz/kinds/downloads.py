"""Weights from servers that send something else, in ways that HTTP may not allow."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from random import Random
from unittest import mock

from engines.models import download
from engines.models.card import WeightFile
from tests.fuzz.kinds.broken import BrokenServer
from tests.fuzz.mutate import damage
from tests.fuzz.worker import Finding

WHOLE = b"the weights of a network" * 100
HEADERS = (
    *(
        f"Content-Length: {n}"
        for n in (len(WHOLE), len(WHOLE), 0, 1, 10**6, -1, "x", 10**30, 10**14)
    ),
    *("Transfer-Encoding: chunked", "Content-Encoding: gzip", "Connection: close", "", ": x"),
    *("Location: /again", "Location: file:///etc/hostname", "Location: http://[", "Location:"),
    *(
        "Location: http://127.0.0.1:1/",
        "Content-Range: bytes 5-9/10",
        "Content-Range: x",
        "a" * 70_000,
    ),
    *("Location: http://a b/", "Location: \xe9", "Location: ftp://127.0.0.1:1/x", "\0"),
)
STATUS = (
    *(200,) * 8,
    206,
    206,
    204,
    301,
    302,
    308,
    304,
    401,
    403,
    404,
    416,
    429,
    500,
    503,
    0,
    99,
    999,
)


class Kind:
    share = 400
    limit = 20.0
    speaks = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "case"
        self._server = BrokenServer()

    def case(self, rng: Random) -> bool:
        shutil.rmtree(self._folder, ignore_errors=True)
        if rng.random() < 0.3:
            self._folder.mkdir()
            (self._folder / "net.bin.part").write_bytes(WHOLE[: rng.randrange(3000)] + b"x")
        self._server.answers = [_answer(rng) for _ in range(rng.randint(1, 6))]
        url = f"http://127.0.0.1:{self._server.port}/net.bin"
        file = WeightFile("net.bin", len(WHOLE), hashlib.sha256(WHOLE).hexdigest(), (url,))
        target = self._folder / file.name
        with mock.patch.object(download, "PAUSES", (0.0, 0.0, 0.0)):
            download.fetch(file, target)
        if target.read_bytes() != WHOLE:
            raise Finding("took wrong bytes for the weights")
        return True

    def close(self) -> None:
        self._server.close()


def _answer(rng: Random) -> bytes:
    body = WHOLE
    if rng.random() < 0.6:
        body = rng.choice((b"", WHOLE[:100], WHOLE * 2, damage(rng, WHOLE)))
    if rng.random() < 0.1:
        body = rng.choice((b"5\r\nthe w\r\n0\r\n\r\n", b"zz\r\n", b"-1\r\n", b"f" * 70_000))
    more = "".join(f"{rng.choice(HEADERS)}\r\n" for _ in range(rng.choice((0, 1, 1, 1, 2, 5))))
    if rng.random() < 0.02:
        more = "X: y\r\n" * 300
    head = f"HTTP/1.1 {rng.choice(STATUS)} {rng.choice(('OK', '', 'a' * 300))}\r\n{more}\r\n"
    data = head.encode("latin-1") + body
    if rng.random() < 0.15:
        data = damage(rng, data)
    return data
