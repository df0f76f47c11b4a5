"""What is asked of a node, and its answers: who it is, and what time it has."""

from __future__ import annotations

import json
import os
import struct
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from engines.types.errors import EngineError
from engines.types.skeleton import Skeleton
from engines.version import __version__
from realtime.nodes.clock_offset import Exchange
from realtime.nodes.skeleton_table import read_skeleton_table, skeleton_table
from realtime.nodes.wire import SESSION_BYTES

ROOT = "posestream"
ANY = "*"
NONCE_BYTES = 16
WRONG_KEY = b"key"
ABOUT, CLOCK, ALIVE = "about", "clock", "alive"  # topics of a node
_TIMES = struct.Struct(f"<{NONCE_BYTES}s{SESSION_BYTES}sdd")


def topic(node: str, what: str) -> str:
    """Where a node is asked."""
    return f"{ROOT}/{node}/{what}"


def frames_topic(node: str, camera: str) -> str:
    """Where a camera's people are published; its name may hold what topics cannot."""
    return f"{ROOT}/{node}/frames/{quote(camera, safe='')}"


def nonce() -> bytes:
    """What makes a question unlike all before, so that no old answer is taken for its own."""
    return os.urandom(NONCE_BYTES)


def program() -> str:
    """Who speaks."""
    return f"posestream {__version__}"


@dataclass(frozen=True, slots=True, eq=False)
class About:
    """What a node is. rates: frames a second of its cameras by their names, None = unknown."""

    node: str
    session: bytes
    rates: dict[str, float | None]
    skeleton: Skeleton

    def answer(self, asked: bytes) -> bytes:
        """To a question that is a nonce."""
        data = {
            "node": self.node,
            "session": self.session.hex(),
            "rates": self.rates,
            "skeleton": skeleton_table(self.skeleton),
        }
        return asked + json.dumps(data, separators=(",", ":")).encode()


def read_about(answer: bytes, asked: bytes) -> About:
    """A node's answer; ValueError where it is none to this question."""
    if answer[:NONCE_BYTES] != asked:
        raise ValueError("an answer to another question")
    try:
        data: dict[str, Any] = json.loads(answer[NONCE_BYTES:])
        rates = {str(name): rate and float(rate) for name, rate in data["rates"].items()}
        session = bytes.fromhex(data["session"])
        return About(str(data["node"]), session, rates, read_skeleton_table(data["skeleton"]))
    except (KeyError, TypeError, AttributeError, RecursionError, EngineError) as error:
        raise ValueError("no description of a node") from error


def clock_answer(asked: bytes, session: bytes, received: float, sent: float) -> bytes:
    """A node's times to a question that is a nonce."""
    return _TIMES.pack(asked, session, received, sent)


def read_clock(
    answer: bytes, question: bytes, session: bytes, asked: float, answered: float
) -> Exchange:
    """The exchange; ValueError where the answer is to another question, or another run's."""
    if len(answer) != _TIMES.size:
        raise ValueError("no times")
    nonce, run, received, sent = _TIMES.unpack(answer)
    if (nonce, run) != (question, session):
        raise ValueError("an answer to another question")
    return Exchange(asked, received, sent, answered)
