"""What clients of --serve cost: frames a second with none and with 50, of whom ten do not read.

    python -m tests.bench.serve [--frames 600] [--rounds 3]

The clients, 40 that read and 10 that do not, live in a process of their own, and on 2 cores take
processor time of their own; it is printed, since no server can help that. Both runs serve and take
turns, since the machine's speed drifts.
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
from collections.abc import Iterator
from contextlib import contextmanager

from engines.card import load_card
from realtime.config import ModelSettings
from realtime.pipeline import Pipeline, engine_opener
from realtime.sinks.web import WebSink
from realtime.web.address import Address
from tests.bench.throughput import CLIP, MODEL, Looped
from tests.conftest import DATA

READING, SILENT = 40, 10


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
    lines = 0
    while selector.get_map():
        for key, _ in selector.select():
            assert isinstance(key.fileobj, socket.socket)
            data = b""
            try:
                data = key.fileobj.recv(1 << 18)
            except ConnectionError:
                pass
            lines += data.count(b'{"source":')
            if not data:
                selector.unregister(key.fileobj)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(lines, used.ru_utime + used.ru_stime, flush=True)


@contextmanager
def connected(port: int) -> Iterator[subprocess.Popen[str]]:
    """The clients, all of them connected."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.serve", "--clients", str(port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process


def measure(frames: int, *, watched: bool) -> tuple[float, str]:
    """Seconds a frame, from the second on; what the clients say."""
    card = load_card(MODEL)
    source = Looped(CLIP, frames)
    open_engine = engine_opener(card, ModelSettings(MODEL, precision="int8"), live=False)
    sink = WebSink(
        Address("127.0.0.1", 0), None, card.name, card.skeleton, [source.name], announce=False
    )
    process = None
    count, began = 0, 0.0
    with sink:
        if watched:
            with connected(sink.address.port) as process:
                pass
        for result in Pipeline(source, open_engine):
            sink.write(result)
            count += 1
            if count == 1:
                began = time.perf_counter()
        seconds = (time.perf_counter() - began) / (count - 1)
    said = ""
    if process is not None:
        said, _ = process.communicate(timeout=30)
    return seconds, said


def main() -> None:
    """Print frames a second and their ratio, a line a round."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--frames", type=int, default=600)
    ask.add_argument("--rounds", type=int, default=3)
    ask.add_argument("--clients", type=int, help=argparse.SUPPRESS)
    args = ask.parse_args()
    if args.clients:
        clients(args.clients)
        return
    os.environ.setdefault("POSE_WEIGHTS", str(DATA / "models"))
    ratios = []
    for turn in range(args.rounds):
        before, _ = measure(args.frames // 2, watched=False)
        seconds, said = measure(args.frames, watched=True)
        after, _ = measure(args.frames // 2, watched=False)
        alone = (before + after) / 2
        lines, processor = said.split()
        ratios.append(alone / seconds)
        print(
            f"round {turn + 1}: no client {1 / alone:.1f} frames/s, {READING + SILENT} clients "
            f"{1 / seconds:.1f} (x{ratios[-1]:.3f}); each reader got "
            f"{int(lines) / READING:.1f} of {args.frames} lines; the clients' own processor time "
            f"was {100 * float(processor) / (seconds * args.frames):.1f} % of a core",
            flush=True,
        )
    print(f"median ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
