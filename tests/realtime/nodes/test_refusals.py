"""What does not work between nodes is said in a sentence."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from engines.types.skeleton import Skeleton, named_skeleton
from realtime.assembly import run
from realtime.nodes.publisher import PublishSink
from realtime.settings.all import Settings
from realtime.settings.files import FileSettings
from realtime.settings.sources import SourceSettings
from realtime.sources.node_camera import AgreedSkeleton, NodeConnector
from realtime.types.errors import (
    OutputError,
    RealtimeError,
    SettingsError,
    SourceError,
    Unreachable,
)
from realtime.web.address import Address
from tests.bodies import BODY25
from tests.realtime.nodes.node import KEY, seen
from tests.realtime.nodes.test_nodes import free_port
from tests.realtime.wanted import settings

pytest.importorskip("zenoh", reason="needs eclipse-zenoh")
HERE = "127.0.0.1"
GROUP = "224.0.0.224"  # that Zenoh looks for others through


@contextmanager
def node(
    port: int, key: bytes | None = KEY, skeleton: Skeleton = BODY25, name: str | None = None
) -> Iterator[PublishSink]:
    """A node of one camera, by default with a name that no test beside this one has."""
    name = name or f"node{port}"
    rates = {"cam0": 30.0}
    with PublishSink(Address(HERE, port), name, key, rates, skeleton, announce=False) as sink:
        yield sink


def connect(port: int, camera: str = "cam0", key: bytes | None = KEY) -> None:
    NodeConnector(f"{HERE}:{port}", camera, key, AgreedSkeleton())().close()


def multicast_works() -> bool:
    """Whether this machine's loopback carries multicast, which it need not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(2)
        try:
            one.bind(("", 0))
            group = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(HERE))
            one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HERE))
            one.sendto(b"?", (GROUP, one.getsockname()[1]))
            return one.recv(1) == b"?"
        except OSError:
            return False


def test_an_address_where_nothing_is() -> None:
    with pytest.raises(Unreachable, match=r"127.0.0.1:\d+/cam0: nothing answers there"):
        connect(free_port())


@pytest.mark.parametrize(("theirs", "ours"), [(KEY, b"x" * 20), (KEY, None), (None, KEY)])
def test_another_key(theirs: bytes | None, ours: bytes | None) -> None:
    port = free_port()
    with node(port, theirs), pytest.raises(SourceError, match="its key is another one; give both"):
        connect(port, key=ours)


def test_without_a_key_on_one_computer() -> None:
    port = free_port()
    with node(port, None):
        connect(port, key=None)


def test_a_camera_that_the_node_has_not() -> None:
    port = free_port()
    with node(port), pytest.raises(SourceError, match=r"node node\d+ has the cameras cam0"):
        connect(port, "cam7")


def test_nodes_with_different_models() -> None:
    agreed = AgreedSkeleton()
    ports = free_port(), free_port()
    with node(ports[0]), node(ports[1], skeleton=named_skeleton("coco17")):
        NodeConnector(f"{HERE}:{ports[0]}", "cam0", KEY, agreed)().close()
        with pytest.raises(SourceError, match="run the same model on all nodes"):
            NodeConnector(f"{HERE}:{ports[1]}", "cam0", KEY, agreed)()


def test_a_port_that_is_taken() -> None:
    port = free_port()
    with (
        node(port),
        pytest.raises(OutputError, match=r"--publish 127.0.0.1:\d+: the port is in use"),
        node(port),
    ):
        pass


@pytest.mark.skipif(not multicast_works(), reason="needs multicast on the loopback interface")
def test_two_nodes_of_one_name() -> None:
    name = f"twin{free_port()}"
    with (
        node(free_port(), name=name),
        pytest.raises(OutputError, match=f"Another node is called {name} already; give this one"),
        node(free_port(), name=name),
    ):
        pass


def test_a_frame_is_taken_once_and_of_this_run_alone(caplog: pytest.LogCaptureFixture) -> None:
    """What somebody recorded from the network and sends again is left out."""
    port = free_port()
    with (
        node(port) as sink,
        closing(NodeConnector(f"{HERE}:{port}", "cam0", KEY, AgreedSkeleton())()) as one,
    ):
        taken: list[bytes] = []
        take = one._take
        one._session.subscribe(one._topic, taken.append)
        numbers = [-1]
        while len(taken) < 2:  # the node hears of a subscriber when it does
            sink.write(seen(["cam0"], len(numbers) / 30, len(numbers), 0))
            came = one.read(True)[1]
            assert came is not None
            assert came.message.number > numbers[-1]
            numbers.append(came.message.number)
        take(taken[0])
        take(taken[0][:-1] + bytes((taken[0][-1] ^ 1,)))
        sink.write(seen(["cam0"], 100, len(numbers), 0))
        last = one.read(True)[1]
        assert last is not None
        assert last.message.number > numbers[-1]
    assert f"Another node is called node{port} too, and is left out" in caplog.text


def test_people_of_a_node_that_began_anew_are_others() -> None:
    """Its tracker counts from 0 again, and nobody knows who is who."""
    port = free_port()
    connect = NodeConnector(f"{HERE}:{port}", "cam0", KEY, AgreedSkeleton())
    ids = []
    for again in (False, True):
        with node(port) as sink:
            for _ in range(1 + again):  # a connection that is lost alone changes nobody
                with closing(connect()) as one:
                    sink.write(seen(["cam0"], 0, 0, 0))
                    people = one.read(True)[1]
                    assert people is not None
                    ids.append(people.message.tracks.id.tolist())
    assert ids == [[0, 1], [2, 3], [2, 3]]


@pytest.mark.parametrize(
    ("sources", "options", "said"),
    [
        (["stream://lab/cam0"], {}, "stream://lab/cam0 is another computer's, so .* --key-file"),
        (["stream://lab"], {}, "'stream://lab' is not a node's camera; write stream://NODE/CAMERA"),
        (["stream:///cam0"], {}, "is not a node's camera"),
        (["stream://a:b:c/cam0"], {}, "is not a node's camera"),
        (["stream://127.0.0.1:1/cam0"], {"flip": True}, "give them where --publish runs"),
        (["stream://127.0.0.1:1/cam0", "webcam"], {}, "cannot be mixed with pictures"),
        (["stream://127.0.0.1:1/cam0"], {"realtime": True}, "--realtime is for files"),
        (["stream://127.0.0.1:1/c"], {"key_file": Path("none")}, "--key-file none cannot be read"),
        (
            ["stream://127.0.0.1:1/c"],
            {"give_up": 0.5},
            "No node came within 0.5 s. .* nothing answers",
        ),
        (
            ["webcam"],
            {"publish": "0.0.0.0:7447"},
            "lets other computers connect, so nodes need a key",
        ),
        (["webcam"], {"publish": "nowhere"}, r"--publish 'nowhere' is not \[HOST:\]PORT"),
        (["a.mp4"], {"publish": "7447"}, "add --realtime to play files"),
        (["webcam"], {"node": "lab"}, "add --publish"),
        (["webcam"], {"publish": "7447", "node": "a/b"}, "letters, digits, dots, - and _ alone"),
    ],
)
def test_what_means_nothing(sources: list[str], options: dict[str, Any], said: str) -> None:
    with pytest.raises(RealtimeError, match=said):
        run(settings(*sources, **options))


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zenoh", None)
    with pytest.raises(SourceError, match=r"eclipse-zenoh, .* pip install 'posestream\[nodes\]'"):
        run(settings("stream://127.0.0.1:1/cam0"))
    with pytest.raises(OutputError, match="is not installed"), node(free_port()):
        pass


def test_a_key_lets_others_connect(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(KEY)
    wanted = settings("webcam", publish="0.0.0.0:7447", key_file=file)
    assert wanted.web.node_name
    with pytest.raises(SettingsError, match="need a key"):
        settings("webcam", publish="0.0.0.0:7447")


def test_keypoints_cannot_be_recorded_as_pictures() -> None:
    with pytest.raises(SettingsError, match="record on the computer that has the camera"):
        Settings(SourceSettings(("stream://lab/cam0",)), files=FileSettings(record=Path("rec")))
