"""A camera of a node: people that another computer found, tracked and published."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from threading import Lock
from urllib.parse import unquote

from engines.types.skeleton import Skeleton
from realtime.nodes.asking import find
from realtime.nodes.clock_offset import ClockOffset
from realtime.nodes.connection import NodeConnection
from realtime.nodes.key import Envelope, read_key
from realtime.nodes.questions import ANY
from realtime.nodes.session import NotInstalled, Session, TransportError
from realtime.settings.sources import NODE_SCHEME, SourceSettings
from realtime.settings.web import NODE_NAME
from realtime.sources.listing.file_names import file_name
from realtime.sources.mapped import MappedSource
from realtime.sources.reconnecting import LiveSource
from realtime.types.errors import Absent, SettingsError, SourceError, Unreachable
from realtime.types.frames import Source
from realtime.web.address import parse_address

FIRST_EXCHANGES = 8  # of clocks, before the first frame
RETRY_SECONDS = 0.5
LOG = logging.getLogger(__name__)
Clock = Callable[[], float]


class AgreedSkeleton:
    """What all cameras of a run must have in common: the first node says it."""

    def __init__(self) -> None:
        self.skeleton: Skeleton | None = None
        self._lock = Lock()

    def agree(self, skeleton: Skeleton) -> Skeleton:
        """The skeleton of all; SourceError where this is another one."""
        with self._lock:
            if self.skeleton is None:
                self.skeleton = skeleton
            if self.skeleton != skeleton:
                raise SourceError(
                    f"its people have the skeleton {skeleton.name}, those of the other nodes "
                    f"{self.skeleton.name}; run the same model on all nodes."
                )
            return self.skeleton


class NodeCamera(LiveSource):
    """A camera of a node, which is waited for and connected to again as any camera is."""

    def __init__(
        self, connect: NodeConnector, chosen: range, give_up: float, clock: Clock, origin: float
    ) -> None:
        super().__init__(connect.name, connect, chosen, give_up=give_up, clock=clock, origin=origin)
        self.called = connect.called
        self.notes = connect.notes
        self.give_up = give_up
        self._connect_node = connect

    @property
    def skeleton(self) -> Skeleton | None:  # type: ignore[override]
        """Of the people of all nodes, once there was one."""
        return self._connect_node.agreed.skeleton

    def clock_report(self) -> dict[str, float] | None:
        """How far the node's clock is ahead of ours, how wrong that can be, and the round trip it
        was found by, in seconds; None before there was a connection.
        """
        return self._connect_node.clock_report()


class NodeConnector:
    """Connects to a node's camera, as often as it is called.

    where: the node's name, by which it is found through multicast, or the HOST:PORT it is at.
    Identities of a node that was started anew are new ones: its count begins at 0 again.
    """

    def __init__(
        self,
        where: str,
        camera: str,
        key: bytes | None,
        agreed: AgreedSkeleton,
        clock: Clock = time.monotonic,
    ) -> None:
        self.name = file_name(camera)
        self.called = f"{where}/{camera}"
        self.agreed = agreed
        self.notes: list[str] = []
        self._where = where
        self._camera = camera
        self._envelope = Envelope(key)
        self._clock = clock
        self._run = b""
        self._first_id = self._next_id = 0
        self._offset: ClockOffset | None = None
        self._why: str | None = None  # the last try failed

    def __call__(self) -> NodeConnection:
        address = self._where if ":" in self._where else None
        try:
            session = Session(connect=address, interface=None if address else "auto")
        except NotInstalled as error:
            raise SourceError(str(error)) from None
        except TransportError as error:
            raise Unreachable(self._told(Unreachable(str(error)))) from None
        try:
            about = find(session, ANY if address else self._where, self._camera, self._envelope)
            skeleton = self.agreed.agree(about.skeleton)
            if about.session != self._run:
                self._run, self._first_id = about.session, self._next_id
            offset = ClockOffset()
            connection = NodeConnection(
                session, about, self._camera, skeleton, self._envelope, offset, self._clock
            )
            connection.align(FIRST_EXCHANGES)
        except SourceError as error:
            session.close()
            raise type(error)(self._told(error)) from None
        connection.name = self.name
        connection.notes = self.notes
        connection.number_from(self._first_id, self._saw)
        self._offset, self._why = offset, None
        report = self.clock_report()
        assert report is not None
        self.notes[:] = [
            f"{self.called}: times are on this computer's clock to within "
            f"{1e3 * report['error']:.1f} ms (offset {report['offset']:.4f} s, round trip "
            f"{1e3 * report['round_trip']:.1f} ms)."
        ]
        return connection

    def _told(self, error: SourceError) -> str:
        """What is wrong. A node that does not fit is said of as soon as it is there, as waiting for
        it is in vain until somebody does something.
        """
        text = f"{self.called}: {error}"
        if self._why is not None and self._why != text and not isinstance(error, Unreachable):
            LOG.warning("%s", text)
        self._why = text
        return text

    def clock_report(self) -> dict[str, float] | None:
        """As NodeCamera's."""
        if self._offset is None:
            return None
        now = self._clock()
        best = self._offset.best(now)
        found = {"offset": best.offset, "error": self._offset.error(now)}
        return {**found, "round_trip": best.round_trip}

    def _saw(self, identity: int) -> None:
        self._next_id = max(self._next_id, identity + 1)


def open_node_camera(
    settings: SourceSettings,
    chosen: range,
    agreed: AgreedSkeleton,
    clock: Clock,
    origin: float = 0.0,
) -> NodeCamera:
    """The camera that the first source of the settings names; SourceError where it names none."""
    spec = settings.source[0]
    where, _, camera = spec.removeprefix(NODE_SCHEME).partition("/")
    camera = unquote(camera)
    loopback = False
    try:
        if ":" in where:
            loopback = parse_address(where).loopback
        elif not re.fullmatch(NODE_NAME, where, re.ASCII):
            camera = ""
    except SettingsError:
        camera = ""
    if not camera:
        raise SourceError(
            f"{spec!r} is not a node's camera; write {NODE_SCHEME}NODE/CAMERA or "
            f"{NODE_SCHEME}HOST:PORT/CAMERA, as the node says when it starts."
        )
    key = read_key(settings.key_file)
    if key is None and not loopback:
        raise SettingsError(
            f"{spec} is another computer's, so this one needs the node's key: add --key-file FILE."
        )
    connect = NodeConnector(where, camera, key, agreed, clock)
    return NodeCamera(connect, chosen, settings.give_up, clock, origin)


def await_node(sources: Sequence[Source], sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until one of several absent nodes is there, as only a node knows its skeleton.

    SourceError where none comes in time. Other cameras are not waited for.
    """
    cameras: list[NodeCamera] = []
    for source in sources:
        while isinstance(source, MappedSource):
            source = source.source
        if not isinstance(source, NodeCamera):
            return
        cameras.append(source)
    deadline = time.monotonic() + cameras[0].give_up
    why = ""
    while time.monotonic() < deadline:
        for camera in cameras:
            try:
                camera.__enter__()
            except Absent as error:
                why = str(error)
            else:
                return
        sleep(RETRY_SECONDS)
    raise SourceError(f"No node came within {cameras[0].give_up:g} s. {why}")
