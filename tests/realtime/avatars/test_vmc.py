"""Avatars: packets received over UDP, bones put together as Unity does it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engines.types.arrays import Doubles
from engines.types.skeleton import Skeleton
from engines.types.skeleton_groups import with_groups
from realtime.avatars import vmc_protocol
from realtime.avatars.vmc_sink import VmcSink
from realtime.types.errors import OutputError, SettingsError
from realtime.types.results import Result
from tests.bodies import BODY25, body, hand
from tests.calibration.cameras import ring
from tests.realtime.instants import instant
from tests.realtime.wanted import settings
from tests.waiting import PATIENCE

pytest.importorskip("pythonosc", reason="python-osc is not installed (requirements-vmc.txt)")
RIG = ring(3)
# Unity's HumanBodyBones, as far as they are sent: each with the one above it.
ABOVE = {"Hips": "", "Spine": "Hips", "Neck": "Spine", "Head": "Neck"}
for side in ("Left", "Right"):
    ABOVE |= {
        f"{side}Shoulder": "Spine",
        f"{side}UpperArm": f"{side}Shoulder",
        f"{side}LowerArm": f"{side}UpperArm",
        f"{side}Hand": f"{side}LowerArm",
        f"{side}UpperLeg": "Hips",
        f"{side}LowerLeg": f"{side}UpperLeg",
        f"{side}Foot": f"{side}LowerLeg",
    }
JOINTS = {"shoulder": "UpperArm", "elbow": "LowerArm", "wrist": "Hand"}
JOINTS |= {"hip": "UpperLeg", "knee": "LowerLeg", "ankle": "Foot"}
PLACES = {f"{a}_{b}": f"{a.capitalize()}{c}" for a in ("left", "right") for b, c in JOINTS.items()}
PLACES |= {"neck": "Neck"}
Message = tuple[str, list[object]]


@contextmanager
def receivers(count: int = 1) -> Iterator[list[socket.socket]]:
    """Sockets at ports one after the other."""
    with ExitStack() as stack:
        first = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        first.bind(("127.0.0.1", 0))
        found = [first]
        for n in range(1, count):
            one = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            one.bind(("127.0.0.1", first.getsockname()[1] + n))
            found.append(one)
        for one in found:
            one.settimeout(PATIENCE)
        yield found


def sending(receiver: socket.socket, skeleton: Skeleton = BODY25, people: int = 1) -> VmcSink:
    """A sink that sends there."""
    return VmcSink(f"127.0.0.1:{receiver.getsockname()[1]}", skeleton, RIG, people)


def received(receiver: socket.socket, wait: bool = True) -> list[Message]:
    """All messages that have come."""
    from pythonosc.osc_packet import OscPacket

    out: list[Message] = []
    while True:
        receiver.setblocking(wait and not out)
        if wait and not out:
            receiver.settimeout(PATIENCE)
        try:
            data = receiver.recv(65_536)
        except BlockingIOError:
            return out
        assert len(data) <= vmc_protocol.MAX_DATAGRAM
        out += [(one.message.address, one.message.params) for one in OscPacket(data).messages]


def places(messages: Sequence[Message], above: dict[str, str] = ABOVE) -> dict[str, Doubles]:
    """Where the joints are by forward kinematics, in our world with y up: Unity's mirrored."""
    bones = {str(values[0]): values[1:] for name, values in messages if name.endswith("Bone/Pos")}
    assert bones.keys() == above.keys()
    worlds = {"": (np.zeros(3), Rotation.identity())}
    for name, parent in above.items():
        numbers = np.array(bones[name], float)
        assert np.linalg.norm(numbers[3:]) == pytest.approx(1, abs=1e-5)
        place, turn = worlds[parent]
        worlds[name] = place + turn.apply(numbers[:3]), turn * Rotation.from_quat(numbers[3:])
    return {name: place * (-1, 1, 1) for name, (place, _) in worlds.items()}


def walk(count: int, at: float = 0.0, first: int = 0) -> list[Result]:
    """Instants of somebody who walks; their id is 4."""
    steps = range(first, first + count)
    return [
        instant([body((at + 0.03 * n, 0), heading=0.02 * n, phase=0.3 * n)], [4], n / 30)
        for n in steps
    ]


def y_up(xyz: Doubles) -> Doubles:
    return np.asarray(xyz)[..., [1, 2, 0]]


def xyz_of(one: Result) -> Doubles:
    assert one.poses3d is not None
    return one.poses3d.xyz.astype(float)


def test_bones_put_together_are_where_the_keypoints_are() -> None:
    with receivers() as (receiver,), sending(receiver) as sink:
        for one in walk(40):
            sink.write(one)
            messages = received(receiver)
            found, expected = places(messages), y_up(xyz_of(one)[0])
            for name, joint in PLACES.items():
                at = expected[BODY25.keypoints.index(name)]
                assert np.linalg.norm(found[joint] - at) < 0.001, name
            assert messages[0] == ("/VMC/Ext/OK", [1])
            ((seconds,),) = [values for name, values in messages if name == "/VMC/Ext/T"]
            assert seconds == pytest.approx(one.time, abs=1e-5)
            ((root, *still),) = [v for name, v in messages if name == "/VMC/Ext/Root/Pos"]
            assert (root, still) == ("root", [0, 0, 0, 0, 0, 0, 1])


def test_unity_is_left_handed_with_y_up_and_z_ahead() -> None:
    """Who looks along our z, their arms hanging, in Unity's own axes and signs."""
    facing_z = body((0, 0), heading=0.0)  # along the rig's x, which is z there
    with receivers() as (receiver,):
        with sending(receiver) as sink:
            sink.write(instant([facing_z], [4]))
        bones = {str(v[0]): v[1:] for name, v in received(receiver) if name.endswith("Bone/Pos")}
    assert bones["LeftUpperLeg"][0] < 0 < bones["RightUpperLeg"][0]  # x to the right
    assert bones["Hips"][1] == pytest.approx(0.95, abs=0.01)
    np.testing.assert_allclose(bones["Hips"][3:], [0, 0, 0, 1], atol=1e-3)
    # The left arm, at rest along -x, hangs: 80 to 90 degrees about z, which is anticlockwise when
    # seen from z's end in a right-handed world, clockwise in this one.
    shoulder = np.array([-1.0, 0, 0])
    turned = Rotation.from_quat(bones["LeftUpperArm"][3:]).apply(shoulder)
    assert turned[1] < -0.95


def test_a_turned_body_turns_the_same_way_in_unity() -> None:
    """Somebody who turns to their left faces -x in Unity, where x is to the right."""
    with receivers() as (receiver,):
        with sending(receiver) as sink:
            sink.write(instant([body((0, 0), heading=np.pi / 2)], [4]))
        bones = {str(v[0]): v[1:] for name, v in received(receiver) if name.endswith("Bone/Pos")}
    ahead = Rotation.from_quat(bones["Hips"][3:]).apply([0, 0, 1])
    np.testing.assert_allclose(ahead, [-1, 0, 0], atol=1e-3)


def test_what_is_not_seen_is_held() -> None:
    gone = walk(20)
    wrist = BODY25.keypoints.index("left_wrist")
    with receivers() as (receiver,), sending(receiver) as sink:
        for n, one in enumerate(gone):
            if n >= 10:
                assert one.poses3d is not None
                one.poses3d.xyz[0, wrist] = np.nan
            sink.write(one)
            found, seen = places(received(receiver)), y_up(xyz_of(one)[0])
            elbow = seen[BODY25.keypoints.index("left_elbow")]
            assert np.linalg.norm(found["LeftLowerArm"] - elbow) < 0.02
            length = np.linalg.norm(found["LeftHand"] - found["LeftLowerArm"])
            assert length == pytest.approx(0.25, abs=1e-3)


def test_each_person_has_a_port_and_gives_it_back() -> None:
    def crowd(n: int, *ids: int) -> Result:
        return instant([body((one, 0), phase=0.1 * n) for one in ids], ids, n / 30)

    def where(messages: Sequence[Message]) -> int:
        return round(float(places(messages)["Hips"][2]))  # our x is z there

    with receivers(2) as (one, two), sending(one, people=2) as sink:
        sink.write(crowd(0, 5, 2, 9))
        assert (where(received(one)), where(received(two))) == (2, 5)
        for n in range(1, 60):  # the second one leaves: a second later it is another's
            sink.write(crowd(n, 9, 2))
            assert where(received(one)) == 2
            if n < 30:
                assert not received(two, wait=False)
            elif n > 32:
                assert where(received(two)) == 9


def test_fingers_are_unitys() -> None:
    skeleton: Skeleton = with_groups(BODY25, ("left_hand",))
    xyz = np.full((len(skeleton.keypoints), 3), np.nan)
    xyz[:25] = body((0, 0))
    elbow, wrist = (BODY25.keypoints.index(f"left_{one}") for one in ("elbow", "wrist"))
    fingers = hand(xyz[wrist], xyz[wrist] - xyz[elbow], 0.3, 1)
    xyz[list(skeleton.left_hand)] = fingers
    above = dict(ABOVE)
    for finger in ("Thumb", "Index", "Middle", "Ring", "Little"):
        chain = ["LeftHand", *(f"Left{finger}{one}" for one in vmc_protocol.SEGMENTS)]
        above |= dict(zip(chain[1:], chain, strict=False))
    with receivers() as (receiver,):
        with sending(receiver, skeleton) as sink:
            sink.write(instant([xyz], [4], skeleton=skeleton))
        found = places(received(receiver), above)
    for name, joint in (("LeftIndexDistal", 7), ("LeftLittleIntermediate", 18)):
        np.testing.assert_allclose(found[name], y_up(fingers[joint]), atol=0.001)


def test_nobody_and_no_receiver_do_not_matter() -> None:
    with receivers() as (receiver,):
        port = receiver.getsockname()[1]
        hipless = walk(1)[0]
        assert hipless.poses3d is not None
        hipless.poses3d.xyz[0, BODY25.keypoints.index("left_hip")] = np.nan
        with VmcSink(f"127.0.0.1:{port}", BODY25, RIG) as sink:
            sink.write(instant([], []))
            sink.write(hipless)
            assert received(receiver, wait=False) == []
    with VmcSink(f"127.0.0.1:{port}", BODY25, RIG) as sink:
        for one in walk(5):
            sink.write(one)


def test_what_is_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="--vmc needs calibrated cameras; add --rig"):
        settings("a.mp4", vmc="127.0.0.1:39539")
    with pytest.raises(SettingsError, match="--vmc-people must be from 1 to 16, not 0"):
        settings("a.mp4", vmc_people=0)
    with pytest.raises(OutputError, match="--vmc nowhere is not a valid address"):
        VmcSink("nowhere", BODY25, RIG)
    monkeypatch.setattr(vmc_protocol, "find_spec", lambda _: None)
    with pytest.raises(OutputError, match="--vmc needs the package python-osc"):
        VmcSink("127.0.0.1:39539", BODY25, RIG)
