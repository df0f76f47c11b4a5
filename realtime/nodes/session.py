"""Zenoh: the transport between nodes, without a broker. The one place that knows it.

Computers find each other by multicast, or are named; messages go over one TCP connection to each.
Whoever loses a connection opens another session, so none is kept alive here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import ModuleType
from typing import Any

from realtime.types.errors import RealtimeError

CONNECT_SECONDS = 1.5  # that a node may take to take a connection
RETRY_MS = 100  # between two tries in that time
ANSWER_SECONDS = 1.0  # that a node may take to answer
# What the system holds of a node's messages for a network that is too slow: a second of a camera.
# More of them would only be older.
SEND_BUFFER = 32 * 1024
QUEUED_BATCHES = 1  # that Zenoh holds before that
BATCH_BYTES = 16 * 1024
INSTALL = (
    "The package eclipse-zenoh, which keypoints go through, is not installed; run: pip install "
    "'posestream[nodes]'."
)


class TransportError(RealtimeError):
    """No session, or no connection to the address."""


class NotInstalled(TransportError):
    """The transport's package is missing."""


def _zenoh() -> ModuleType:
    try:
        import zenoh
    except ImportError as error:
        raise NotInstalled(INSTALL) from error
    return zenoh


class Session:
    """Queries, answers and messages, until it is closed. From any thread.

    listen: HOST:PORT that others connect to. connect: HOST:PORT of the one that is wanted.
    interface: whose address it is that others are looked for through multicast, "auto" = all,
    None = nobody is looked for. TransportError where a side cannot be reached.
    """

    def __init__(
        self,
        *,
        listen: str | None = None,
        connect: str | None = None,
        interface: str | None = None,
    ) -> None:
        self._zenoh = _zenoh()
        wanted = {
            "mode": "peer",
            "listen/endpoints": [f"tcp/{listen}#so_sndbuf={SEND_BUFFER}"] if listen else [],
            "listen/exit_on_failure": True,
            "connect/endpoints": [f"tcp/{connect}"] if connect else [],
            "connect/timeout_ms": round(1e3 * CONNECT_SECONDS),
            "connect/exit_on_failure": True,
            "connect/retry": {"period_init_ms": RETRY_MS, "period_max_ms": RETRY_MS},
            "scouting/multicast/enabled": interface is not None,
            "scouting/multicast/interface": interface or "auto",
            "scouting/gossip/enabled": False,
            # A node that is killed would leave its memory behind, to save nothing at our sizes.
            "transport/shared_memory/enabled": False,
            "transport/link/tx/queue/batching/enabled": False,
            "transport/link/tx/queue/size/data": QUEUED_BATCHES,
            "transport/link/tx/batch_size": BATCH_BYTES,
        }
        config = self._zenoh.Config()
        for name, value in wanted.items():
            config.insert_json5(name, json.dumps(value))
        self._token: Any = None
        try:
            self._session = self._zenoh.open(config)
        except self._zenoh.ZError as error:
            raise TransportError(_reason(str(error))) from error

    def close(self) -> None:
        """End all of it."""
        with suppress(self._zenoh.ZError):  # what is broken is closed too
            self._session.close()

    def answer(self, topic: str, reply: Callable[[bytes], tuple[bool, bytes]]) -> None:
        """Answer questions on a topic. reply: from what was asked to whether that is granted, and
        the answer or the reason; called on a thread of the transport.
        """

        def on_query(query: Any) -> None:
            with query:
                granted, text = reply(b"" if query.payload is None else query.payload.to_bytes())
                if granted:
                    query.reply(topic, text, express=True)
                else:
                    query.reply_err(text)

        self._session.declare_queryable(topic, on_query)

    def ask(self, topics: str, payload: bytes) -> Iterator[tuple[str | None, bytes]]:
        """All answers to a question: the topic, None of a refusal, and the text."""
        for reply in self._session.get(topics, **self._asked(payload)):
            yield _answer(reply)

    def ask_later(self, topic: str, payload: bytes, take: Callable[[bytes], None]) -> None:
        """Ask without waiting; `take` gets an answer, if there is one, on a thread of its own."""

        def on_reply(reply: Any) -> None:
            answered, text = _answer(reply)
            if answered is not None:
                take(text)

        self._session.get(topic, on_reply, **self._asked(payload))

    def _asked(self, payload: bytes) -> Mapping[str, Any]:
        return {
            "payload": payload,
            "timeout": ANSWER_SECONDS,
            "target": self._zenoh.QueryTarget.ALL,
            "consolidation": self._zenoh.ConsolidationMode.NONE,
            "express": True,
        }

    def publisher(self, topic: str) -> Callable[[bytes], None]:
        """What sends messages on a topic; it waits while the network is slow."""
        publisher = self._session.declare_publisher(
            topic,
            congestion_control=self._zenoh.CongestionControl.BLOCK,
            express=True,
        )

        def send(message: bytes) -> None:
            with suppress(self._zenoh.ZError):  # nobody there, or no longer
                publisher.put(message)

        return send

    def subscribe(self, topic: str, take: Callable[[bytes], None]) -> None:
        """Take the messages of a topic, on a thread of the transport."""
        self._session.declare_subscriber(topic, lambda sample: take(sample.payload.to_bytes()))

    def be_present(self, topic: str) -> None:
        """Let others know when this session is gone."""
        self._token = self._session.liveliness().declare_token(
            topic
        )  # gone with the last reference

    def watch(self, topic: str, gone: Callable[[], None]) -> None:
        """Hear of it when the session that is present there is gone."""
        deleted = self._zenoh.SampleKind.DELETE

        def on_change(sample: Any) -> None:
            if sample.kind == deleted:
                gone()

        self._session.liveliness().declare_subscriber(topic, on_change, history=True)


def _answer(reply: Any) -> tuple[str | None, bytes]:
    if reply.ok is None:
        return None, reply.err.payload.to_bytes()
    return str(reply.ok.key_expr), reply.ok.payload.to_bytes()


def _reason(text: str) -> str:
    """What a user can make something of."""
    low = text.lower()
    if "address already in use" in low:
        return "the port is in use; choose another one."
    if "cannot assign requested address" in low:
        return "that is not an address of this computer."
    if "unable to connect" in low:
        return "nothing answers there; check the address, and that the node runs."
    return text.partition(" at /")[0].rstrip(".") + "."
