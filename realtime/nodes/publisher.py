"""A node: publishes the people of its cameras for a computer that makes 3D people of them."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Self
from urllib.parse import quote

from engines.types.skeleton import Skeleton
from realtime.nodes.key import Envelope, OtherProtocol, Refused
from realtime.nodes.questions import (
    ABOUT,
    ALIVE,
    CLOCK,
    NONCE_BYTES,
    WRONG_KEY,
    About,
    clock_answer,
    frames_topic,
    nonce,
    program,
    topic,
)
from realtime.nodes.session import Session, TransportError
from realtime.nodes.wire import SESSION_BYTES, Message, encode
from realtime.runtime.channel import Channel
from realtime.runtime.stages import Stages
from realtime.types.errors import OutputError
from realtime.types.results import Result
from realtime.web.address import Address

# Messages of each camera that wait for a slow network; the oldest are dropped then.
MAX_WAITING = 2
SCOUTING_SECONDS = 0.5  # in which another node of the same name is heard of
LOG = logging.getLogger(__name__)
Clock = Callable[[], float]


class PublishSink:
    """Publishes each camera's people at an address; a slow network drops the oldest messages.

    rates: frames a second of the cameras by their names. key: what is signed with and asked for.
    OutputError where the address cannot be had, or another node has the name.
    """

    def __init__(
        self,
        address: Address,
        node: str,
        key: bytes | None,
        rates: Mapping[str, float | None],
        skeleton: Skeleton,
        *,
        clock: Clock = time.monotonic,
        announce: bool = True,
    ) -> None:
        self._address = address
        self._about = About(node, os.urandom(SESSION_BYTES), dict(rates), skeleton)
        self._envelope = Envelope(key)
        self._clock = clock
        self._announce = announce
        self._waiting: Channel[tuple[str, bytes]] = Channel(
            MAX_WAITING * len(rates), drop_oldest=True
        )
        self._stages = Stages(self._waiting)
        self._number = 0
        self._session: Session | None = None

    def __enter__(self) -> Self:
        node = self._about.node
        interface = "127.0.0.1" if self._address.loopback else "auto"
        try:
            session = self._session = Session(listen=str(self._address), interface=interface)
        except TransportError as error:
            raise OutputError(f"--publish {self._address}: {error}") from error
        try:
            self._check_alone(session)
        except OutputError:
            session.close()
            raise
        session.be_present(topic(node, ALIVE))
        session.answer(topic(node, ABOUT), self._tell_about)
        session.answer(topic(node, CLOCK), self._tell_time)
        send = {name: session.publisher(frames_topic(node, name)) for name in self._about.rates}
        self._stages.__enter__()
        self._stages.start("publish", lambda: self._send(send))
        if self._announce:
            self._say()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.close()
        if self._session is not None:
            self._stages.__exit__(None, None, None)
            self._session.close()
        if dropped := self._waiting.dropped:
            LOG.warning(
                "--publish: the network was too slow for %d messages; the newest were sent.",
                dropped,
            )

    def write(self, result: Result) -> None:
        """Hand over the people of all cameras, without waiting."""
        for view in result.views:
            if view is None:
                continue
            frame = view.frame
            self._number += 1
            body = encode(
                Message(self._about.session, self._number, frame.captured, frame.size, view.tracks)
            )
            at = frames_topic(self._about.node, frame.camera)
            self._waiting.put((frame.camera, self._envelope.seal(at, body)))

    def _send(self, send: Mapping[str, Callable[[bytes], None]]) -> None:
        for camera, message in self._waiting:
            send[camera](message)

    def _check_alone(self, session: Session) -> None:
        """OutputError where another node that can be heard has this name."""
        node = self._about.node
        deadline = time.monotonic() + SCOUTING_SECONDS
        while time.monotonic() < deadline:
            for _ in session.ask(topic(node, ABOUT), self._envelope.seal(ABOUT, nonce())):
                raise OutputError(
                    f"Another node is called {node} already; give this one a name of its own with "
                    "--node NAME."
                )
            time.sleep(SCOUTING_SECONDS / 5)

    def _tell_about(self, question: bytes) -> tuple[bool, bytes]:
        return self._granted(ABOUT, question, self._about.answer)

    def _tell_time(self, question: bytes) -> tuple[bool, bytes]:
        received = self._clock()

        def answer(asked: bytes) -> bytes:
            return clock_answer(asked, self._about.session, received, self._clock())

        return self._granted(CLOCK, question, answer)

    def _granted(
        self, what: str, question: bytes, answer: Callable[[bytes], bytes]
    ) -> tuple[bool, bytes]:
        """The signed answer to a question of somebody with the key; the reason why there is none.

        A question is signed for all nodes, as who asks may not know their names.
        """
        try:
            asked = self._envelope.open(what, question)
        except OtherProtocol:
            return False, program().encode()
        except Refused:
            return False, WRONG_KEY
        if len(asked) != NONCE_BYTES:
            return False, program().encode()
        return True, self._envelope.seal(topic(self._about.node, what), answer(asked))

    def _say(self) -> None:
        node = self._about.node
        where = str(self._address) if self._address.loopback else node
        sources = " ".join(f"stream://{where}/{quote(name)}" for name in self._about.rates)
        sys.stderr.write(
            f"posestream: node {node} publishes on {self._address}; its cameras are {sources}\n"
        )
