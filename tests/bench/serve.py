"""What clients of --serve cost: frames a second with none and with 50, of whom ten do not read.

    python -m tests.bench.serve [--frames 2400]

One run serves twice, to nobody and to 50, and gives its results to one and the other by turns of
BLOCK frames, since the machine's speed drifts. The clients are a process of their own on the same
machine; what processor time they take is printed too, since no server can help that.
"""

from __future__ import annotations

import argparse
import os
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import time
from contextlib import suppress

from engines.models.card import load_card
from engines.opening import engine_opener
from realtime.pipeline import Pipeline
from realtime.settings.model import ModelSettings
from realtime.sinks.screens.web_sink import WebSink
from realtime.web.address import Address
from realtime.writing.header import Header
from tests.bench.throughput import CLIP, MODEL, Looped
from tests.conftest import DATA

READING, SILENT = 40, 10
PONG, PONG_EVERY = b"\x8a\x80\x00\x00\x00\x00", 2.0  # a WebSocket frame; seconds
BLOCK = 60  # frames
SETTLE = 10  # frames after a turn that do not count


def clients(port: int) -> None:
    """Connect, say so, read until the server ends; print lines, then processor seconds."""
    selector = selectors.DefaultSelector()
    held = []
    for n in range(READING + SILENT):
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        one.recv(4096)
        held.append(one)
        if n < READING:
            selector.register(one, selectors.EVENT_READ)
    print("ready", flush=True)
    due = time.monotonic()
    lines, began = 0, processor()
    while selector.get_map():
        if time.monotonic() > due:
            # Pongs, also from those who do not read: without them the server lets them go.
            due += PONG_EVERY
            for one in held:
                with suppress(OSError):
                    one.sendall(PONG)
        for key, _ in selector.select(PONG_EVERY):
            assert isinstance(key.fileobj, socket.socket)
            data = b""
            with suppress(ConnectionError):
                data = key.fileobj.recv(1 << 18)
            lines += data.count(b'{"source":')
            if not data:
                selector.unregister(key.fileobj)
    print(lines, processor() - began, flush=True)


def processor() -> float:
    """Seconds that this process has had of all cores."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print frames a second without and with clients, their ratio, and processor times."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--frames", type=int, default=2400)
    ask.add_argument("--clients", type=int, help=argparse.SUPPRESS)
    args = ask.parse_args()
    if args.clients:
        clients(args.clients)
        return
    os.environ.setdefault("POSE_WEIGHTS", str(DATA / "models"))
    card = load_card(MODEL)
    source = Looped(CLIP, args.frames + BLOCK)
    open_engine = engine_opener(card, ModelSettings(MODEL, precision="int8"), live=False)
    empty, crowded = (
        WebSink(
            Address("127.0.0.1", 0),
            None,
            Header(card.name, card.skeleton, [source]),
            announce=False,
        )
        for _ in range(2)
    )
    seconds: tuple[list[float], list[float]] = [], []  # a frame of each block: without, with
    worked: tuple[list[float], list[float]] = [], []
    began = used = 0.0
    with empty, crowded:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.serve", "--clients", str(crowded.address.port)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for n, result in enumerate(Pipeline([source], open_engine)):
            turn = n // BLOCK % 2
            (empty, crowded)[turn].write(result)
            if n % BLOCK == SETTLE:
                began, used = time.perf_counter(), processor()
            elif n % BLOCK == BLOCK - 1 and n > BLOCK:
                seconds[turn].append((time.perf_counter() - began) / (BLOCK - 1 - SETTLE))
                worked[turn].append((processor() - used) / (BLOCK - 1 - SETTLE))
    said, _ = process.communicate(timeout=30)
    lines, theirs = said.split()
    without, with_clients = map(statistics.median, seconds)
    ratios = [one / other for one, other in zip(*seconds, strict=False)]
    print(
        f"no client {1 / without:.1f} frames/s, {READING + SILENT} clients "
        f"{1 / with_clients:.1f}; median ratio of {len(ratios)} pairs of blocks "
        f"{statistics.median(ratios):.3f}\n"
        f"processor time a frame: {1000 * statistics.median(worked[0]):.2f} ms without, "
        f"{1000 * statistics.median(worked[1]):.2f} ms with, and "
        f"{2000 * float(theirs) / args.frames:.2f} ms of the clients themselves\n"
        f"each reader got {int(lines) / READING:.1f} lines of {args.frames // 2}"
    )


if __name__ == "__main__":
    main()
