"""A pose as Virtual Motion Capture has it: OSC messages of Unity's humanoid bones.

https://protocol.vmc.info: positions in metres and quaternions x, y, z, w, each against the bone
above, in Unity's left-handed world: x to the right, y up, z ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from engines.types.arrays import Doubles
from realtime.mocap.bones import FINGERS, ROOT, Bone
from realtime.mocap.inverse_kinematics import Pose
from realtime.mocap.rotations import quaternions
from realtime.types.errors import OutputError

MAX_DATAGRAM = 1400  # bytes, which pass Ethernet in one piece
MIRROR = np.array([-1.0, 1, 1])  # x to the left becomes x to the right
TURN_MIRROR = np.array([1.0, -1, -1, 1])  # the same of quaternions: their axis is a pseudovector
SIDED = {
    "Shoulder": "Shoulder",
    "Arm": "UpperArm",
    "ForeArm": "LowerArm",
    "Hand": "Hand",
    "UpLeg": "UpperLeg",
    "Leg": "LowerLeg",
    "Foot": "Foot",
}
UNITY_FINGERS = {"pinky": "Little"}
SEGMENTS = ("Proximal", "Intermediate", "Distal")
# Ours -> Unity's HumanBodyBones. A hand's bones within the palm have none.
HUMANOID = {name: name for name in ("Hips", "Spine", "Neck", "Head")}
HUMANOID |= {
    f"{side}{ours}": f"{side}{theirs}"
    for side in ("Left", "Right")
    for ours, theirs in SIDED.items()
}
HUMANOID |= {
    f"{side}Hand{finger.capitalize()}{n}": (
        f"{side}{UNITY_FINGERS.get(finger, finger.capitalize())}{segment}"
    )
    for side in ("Left", "Right")
    for finger in FINGERS
    for n, segment in enumerate(SEGMENTS, 1)
}


def check_osc() -> None:
    """OutputError where the library is not installed."""
    if find_spec("pythonosc") is None:
        raise OutputError(
            "--vmc needs the package python-osc, which is not installed; run: "
            "pip install python-osc"
        )


def vmc_datagrams(
    pose: Pose, bones: Sequence[Bone], offsets: Mapping[str, Doubles], seconds: float
) -> Iterator[bytes]:
    """Bundles of messages, a datagram each, of a pose of one moment.

    bones, offsets: as Build and LivePose have them. seconds: of the run.
    """
    still = [0.0, 0, 0, 0, 0, 0, 1]
    messages: list[tuple[str, Sequence[Any]]] = [
        ("/VMC/Ext/OK", [1]),
        ("/VMC/Ext/T", [float(seconds)]),
        ("/VMC/Ext/Root/Pos", ["root", *still]),
    ]
    names, places, turns = zip(*humanoid(pose, bones, offsets), strict=True)
    mirrored = (np.array(places) * MIRROR).tolist()
    quads = (quaternions(np.array(turns)) * TURN_MIRROR).tolist()
    for name, place, quad in zip(names, mirrored, quads, strict=True):
        messages.append(("/VMC/Ext/Bone/Pos", [name, *place, *quad]))
    return _bundles(messages)


def humanoid(
    pose: Pose, bones: Sequence[Bone], offsets: Mapping[str, Doubles]
) -> Iterator[tuple[str, Doubles, Doubles]]:
    """Unity's name of each bone, its (3,) metres and (3, 3) rotation against the bone above it."""
    within: dict[str, tuple[Doubles, Doubles]] = {}  # bones that Unity does not have
    for bone in bones:
        place = pose.root[0] if bone.name == ROOT.name else offsets[bone.at]
        turn = pose.turns[bone.name][0]
        if above := within.get(bone.parent):
            place, turn = above[0] + above[1] @ place, above[1] @ turn
        if bone.name in HUMANOID:
            yield HUMANOID[bone.name], place, turn
        else:
            within[bone.name] = place, turn


def _bundles(messages: Sequence[tuple[str, Sequence[Any]]]) -> Iterator[bytes]:
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder

    bundle, size = OscBundleBuilder(IMMEDIATELY), 16
    for address, values in messages:
        message = OscMessageBuilder(address)
        for value in values:
            message.add_arg(value)
        built = message.build()
        if size + 4 + built.size > MAX_DATAGRAM:
            yield bundle.build().dgram
            bundle, size = OscBundleBuilder(IMMEDIATELY), 16
        bundle.add_content(built)
        size += 4 + built.size
    yield bundle.build().dgram
